"""What ``top node`` and ``top pod`` have in common: amounts, their order, and how they are printed.

Pure. Takes NodeMetrics and PodMetrics; gives lines as kubectl prints them: whole thousandths of a core and whole
mebibytes, the largest first if ``--sort-by`` asks for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from podbay.api.quantity import Quantity
from podbay.kubectl.printers.tabwriter import TabWriter

Object = Mapping[str, Any]
Usage = dict[str, Quantity]
RESOURCES: Final = ("cpu", "memory")
UNKNOWN: Final = "<unknown>"


def usage_of(measured: Object) -> Usage:
    """Return what a node or a container uses."""
    return {name: Quantity.parse(measured["usage"].get(name, "0")) for name in RESOURCES}


def together(usages: Iterable[Usage]) -> Usage:
    """Return what several use together."""
    total = {name: Quantity.of(0) for name in RESOURCES}
    for usage in usages:
        total = {name: total[name] + usage[name] for name in RESOURCES}
    return total


def order(sort_by: str, usage: Callable[[Object], Usage], name: Callable[[Object], Any]) -> Callable[[Object], Any]:
    """Return a key that puts the largest first, or sorts by name."""

    def key(measured: Object) -> Any:
        return -usage(measured)[sort_by].milli if sort_by else name(measured)

    return key


def cells(usage: Usage) -> list[str]:
    """Return how much of each resource is used."""
    return [cpu(usage["cpu"]), memory(usage["memory"])]


def cpu(amount: Quantity) -> str:
    """Return thousandths of a core."""
    return f"{amount.milli}m"


def memory(amount: Quantity) -> str:
    """Return whole mebibytes."""
    return f"{amount.value // (1 << 20)}Mi"


def text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in kubectl's columns."""
    lines = "".join("".join(f"{cell}\t" for cell in row) + "\n" for row in rows)
    return TabWriter(min_width=6, padding=3).format(lines)
