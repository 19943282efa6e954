"""Limit ranges, described: on their own, and in their namespace.

Pure. Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from podbay.kubectl.describers.text import Description, Object

_HEAD: Final = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n"
_RULE: Final = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n"
_SHOWN: Final = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


def describe_limit_range(limit_range: Object, now: datetime) -> str:
    """Return the description of a limit range."""
    out = Description(now)
    out.write(0, f"Name:\t{limit_range['metadata']['name']}\n")
    out.write(0, f"Namespace:\t{limit_range['metadata']['namespace']}\n")
    out.write(0, _HEAD)
    out.write(0, _RULE)
    _write_items(out, limit_range, "")
    return out.text()


def write_limit_ranges(out: Description, limit_ranges: Sequence[Object]) -> None:
    """Write the limit ranges of a namespace."""
    if not limit_ranges:
        out.write(0, "No LimitRange resource.\n")
        return
    out.write(0, f"Resource Limits\n {_HEAD}")
    out.write(0, f" {_RULE}")
    for limit_range in limit_ranges:
        _write_items(out, limit_range, " ")


def _write_items(out: Description, limit_range: Object, start: str) -> None:
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        lists = [item.get(name) or {} for name in _SHOWN]
        for resource in sorted({name for amounts in lists for name in amounts}):
            amounts = "\t".join(amounts.get(resource, "-") for amounts in lists)
            out.write(0, f"{start}{item['type']}\t{resource}\t{amounts}\n")
