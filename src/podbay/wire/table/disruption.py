"""The table of pod disruption budgets.

Pure. Source: upstream's printers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column

_NONE: Final = "N/A"
COLUMNS: Final = (
    NAME,
    column("Min Available"),
    column("Max Unavailable"),
    column("Allowed Disruptions", kind="integer"),
    AGE,
)


def cells(obj: Mapping[str, Any], now: datetime) -> Cells:
    """Return one budget's cells."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return [
        obj["metadata"]["name"],
        _NONE if least is None else str(least),
        _NONE if most is None else str(most),
        (obj.get("status") or {}).get("disruptionsAllowed", 0),
        age(obj, now),
    ]
