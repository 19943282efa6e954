"""Huge pages: how resources, runtimes and cgroups call the sizes of pages, and how many bytes of each are asked for.

Pure. Takes amounts of resources by name and sizes in bytes; gives sizes, names and amounts to the node's object, to
containers' limits and to volumes.
Source: https://kubernetes.io/docs/tasks/manage-hugepages/scheduling-hugepages/
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from podbay.api.quantity import Format, Quantity

PREFIX: Final = "hugepages-"
_UNITS: Final = ("B", "KB", "MB", "GB", "TB", "PB")


def resource_name(page_bytes: int) -> str:
    """Return what the resource of pages of a size is called, such as ``hugepages-2Mi``."""
    return f"{PREFIX}{Quantity.of(page_bytes, Format.BINARY_SI)}"


def unit_name(page_bytes: int) -> str:
    """Return what runtimes and cgroups call a size of pages, such as ``2MB``."""
    unit = 0
    while page_bytes and page_bytes % 1024 == 0 and unit + 1 < len(_UNITS):
        page_bytes, unit = page_bytes // 1024, unit + 1
    return f"{page_bytes}{_UNITS[unit]}"


def page_size(name: str) -> Quantity:
    """Return the size of the pages of a resource. Raises ValueError."""
    return Quantity.parse(name.removeprefix(PREFIX))


def amounts_of(amounts: Mapping[str, Any] | None) -> dict[int, int]:
    """Return how many bytes are asked for in pages of each size, in bytes."""
    named = {name: amount for name, amount in (amounts or {}).items() if name.startswith(PREFIX)}
    return {page_size(name).value: Quantity.parse(amount).value for name, amount in named.items()}


def limits(asked: Mapping[int, int], page_sizes: Iterable[int]) -> tuple[tuple[str, int], ...]:
    """Return the limit for each size of pages that the machine has: none of it but what was asked for."""
    return tuple((unit_name(size), asked.get(size, 0)) for size in page_sizes)
