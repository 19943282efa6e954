"""What tables are made of: column definitions and durations as people read them.

Pure. Source: apimachinery's duration.HumanDuration and upstream's printers.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from podbay.wire.times import parse_time

Cells = list[Any]


class Column(TypedDict):
    """One column definition; priority 1 shows only with ``-o wide``."""

    name: str
    type: str
    format: str
    description: str
    priority: int


def column(name: str, *, kind: str = "string", format: str = "", wide: bool = False, about: str = "") -> Column:
    """Return a column definition."""
    return {
        "name": name,
        "type": kind,
        "format": format,
        "description": about or f"The {name.lower()} of the object.",
        "priority": 1 if wide else 0,
    }


NAME = column("Name", format="name")
AGE = column("Age", about="How long ago the object was created.")


def age(obj: Mapping[str, Any], now: datetime) -> str:
    """Return how old an object is."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(text: str | None, now: datetime) -> str:
    """Return how long ago a time was, or ``<unknown>``."""
    if not text:
        return "<unknown>"
    return human_duration((now - parse_time(text)).total_seconds())


def human_duration(duration_s: float) -> str:
    """Return a duration with at most two units, the finer the shorter: ``5s``, ``3m20s``, ``5h``, ``8d``, ``2y30d``."""
    seconds = int(duration_s)
    if seconds < -1:  # clocks may differ by less than two seconds
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 60 * 2:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 60 * 3:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    years = days // 365
    if years < 8:
        return _two(years, "y", days % 365, "d")
    return f"{years}y"


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"
