"""The tables of kinds that only configure: namespaces, config maps, secrets, accounts, leases, classes.

Pure. Source: upstream's printers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column

NAMESPACE_COLUMNS: Final = (NAME, column("Status"), AGE)
CONFIG_MAP_COLUMNS: Final = (NAME, column("Data"), AGE)
SECRET_COLUMNS: Final = (NAME, column("Type"), column("Data"), AGE)
SERVICE_ACCOUNT_COLUMNS: Final = (NAME, column("Secrets"), AGE)
LEASE_COLUMNS: Final = (NAME, column("Holder"), AGE)
RUNTIME_CLASS_COLUMNS: Final = (NAME, column("Handler"), AGE)
PRIORITY_CLASS_COLUMNS: Final = (
    NAME,
    column("Value", kind="integer"),
    column("Global-Default", kind="boolean"),
    AGE,
    column("PreemptionPolicy"),
)


def namespace_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one namespace's cells."""
    return [obj["metadata"]["name"], (obj.get("status") or {}).get("phase", ""), age(obj, now)]


def config_map_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one config map's cells."""
    return [obj["metadata"]["name"], len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), age(obj, now)]


def secret_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one secret's cells."""
    return [obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or {}), age(obj, now)]


def service_account_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one service account's cells."""
    return [obj["metadata"]["name"], len(obj.get("secrets") or ()), age(obj, now)]


def lease_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one lease's cells."""
    return [obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity", ""), age(obj, now)]


def runtime_class_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one runtime class's cells."""
    return [obj["metadata"]["name"], obj.get("handler", ""), age(obj, now)]


def priority_class_cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one priority class's cells."""
    is_default, policy = bool(obj.get("globalDefault")), obj.get("preemptionPolicy", "")
    return [obj["metadata"]["name"], obj.get("value", 0), is_default, age(obj, now), policy]
