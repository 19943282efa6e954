"""The table of resource quotas.

Pure. Source: upstream's printers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column

COLUMNS: Final = (NAME, column("Request"), column("Limit"), AGE)


def cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one quota's cells."""
    status = obj.get("status") or {}
    used = status.get("used") or {}
    shown = [
        (name, f"{name}: {used.get(name, '0')}/{most}") for name, most in sorted((status.get("hard") or {}).items())
    ]
    requests = ", ".join(text for name, text in shown if not name.startswith("limits."))
    limits = ", ".join(text for name, text in shown if name.startswith("limits."))
    return [obj["metadata"]["name"], requests, limits, age(obj, now)]
