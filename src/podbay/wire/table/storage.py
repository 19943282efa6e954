"""The tables of persistent volumes, claims and storage classes.

Pure. Source: upstream's printers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from podbay.api.volume_binding import class_of, is_default, storage_of
from podbay.wire.table.columns import AGE, NAME, Cells, age, column

Object = Mapping[str, Any]

_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_UNSET: Final = "<unset>"
VOLUME_COLUMNS: Final = (
    NAME,
    column("Capacity"),
    column("Access Modes"),
    column("Reclaim Policy"),
    column("Status"),
    column("Claim"),
    column("StorageClass"),
    column("VolumeAttributesClass"),
    column("Reason"),
    AGE,
    column("VolumeMode", wide=True),
)
CLAIM_COLUMNS: Final = (
    NAME,
    column("Status"),
    column("Volume"),
    column("Capacity"),
    column("Access Modes"),
    column("StorageClass"),
    column("VolumeAttributesClass"),
    AGE,
    column("VolumeMode", wide=True),
)
STORAGE_CLASS_COLUMNS: Final = (
    NAME,
    column("Provisioner"),
    column("ReclaimPolicy"),
    column("VolumeBindingMode"),
    column("AllowVolumeExpansion"),
    AGE,
)


def access_modes(modes: Iterable[str] | None) -> str:
    """Return access modes by their short names, in upstream's order."""
    given = set(modes or ())
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def volume_cells(obj: Object, now: datetime) -> Cells:
    """Return one persistent volume's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    claim = spec.get("claimRef")
    return [
        obj["metadata"]["name"],
        str(storage_of(spec.get("capacity"))),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim is not None else "",
        class_of(obj),
        spec.get("volumeAttributesClassName") or _UNSET,
        status.get("reason", ""),
        age(obj, now),
        spec.get("volumeMode") or _UNSET,
    ]


def claim_cells(obj: Object, now: datetime) -> Cells:
    """Return one claim's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    volume = spec.get("volumeName") or ""
    return [
        obj["metadata"]["name"],
        _phase(obj),
        volume,
        str(storage_of(status.get("capacity"))) if volume else "",
        access_modes(status.get("accessModes")) if volume else "",
        class_of(obj),
        spec.get("volumeAttributesClassName") or _UNSET,
        age(obj, now),
        spec.get("volumeMode") or _UNSET,
    ]


def storage_class_cells(obj: Object, now: datetime) -> Cells:
    """Return one storage class' cells."""
    return [
        obj["metadata"]["name"] + (" (default)" if is_default(obj) else ""),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        age(obj, now),
    ]


def _phase(obj: Object) -> str:
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else (obj.get("status") or {}).get("phase", "")
