"""Columns of NodeMetrics and PodMetrics. Pure. Source: metrics-server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.api.quantity import Quantity
from podbay.wire.table.columns import NAME, Cells, column

COLUMNS: Final = (
    NAME,
    column("cpu", format="quantity", about="How much of processors is used."),
    column("memory", format="quantity", about="The working set."),
    column("Window", format="duration", about="How long was measured."),
)


def cells(obj: Mapping[str, Any], _now: datetime) -> Cells:
    """Return the cells of a row; a pod uses what its containers use together."""
    usages = [obj["usage"]] if "usage" in obj else [container["usage"] for container in obj["containers"]]
    cpu, memory = (sum((Quantity.parse(usage[name]) for usage in usages), Quantity.of(0)) for name in ("cpu", "memory"))
    return [obj["metadata"]["name"], str(cpu), str(memory), obj["window"]]
