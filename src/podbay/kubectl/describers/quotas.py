"""Resource quotas, described: on their own, and in their namespace.

Pure. Source: upstream's describer, whose lines these are.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from podbay.api.quantity import Quantity
from podbay.api.quotas.scopes import HELP
from podbay.kubectl.describers.text import Description, Object


def describe_quota(quota: Object, now: datetime) -> str:
    """Return the description of a quota."""
    out = Description(now)
    out.write(0, f"Name:\t{quota['metadata']['name']}\n")
    out.write(0, f"Namespace:\t{quota['metadata']['namespace']}\n")
    _write_scopes(out, 0, quota, " * ")
    out.write(0, "Resource\tUsed\tHard\n")
    out.write(0, "--------\t----\t----\n")
    for name, used, hard in _amounts(quota):
        if used.format != hard.format:
            used = Quantity.of(used.value, hard.format)
        out.write(0, f"{name}\t{used}\t{hard}\n")
    return out.text()


def write_quotas(out: Description, quotas: Sequence[Object]) -> None:
    """Write the quotas of a namespace."""
    if not quotas:
        out.write(0, "No resource quota.\n")
        return
    out.write(0, "Resource Quotas\n")
    for quota in quotas:
        out.write(1, f"Name:\t{quota['metadata']['name']}\n")
        _write_scopes(out, 1, quota, "* ")
        out.write(1, "Resource\tUsed\tHard\n")
        out.write(1, "--------\t---\t---\n")
        for name, used, hard in _amounts(quota):
            out.write(1, f"{name}\t{used}\t{hard}\n")


def _write_scopes(out: Description, level: int, quota: Object, start: str) -> None:
    scopes = sorted((quota.get("spec") or {}).get("scopes") or ())
    if scopes:
        out.write(level, f"Scopes:\t{', '.join(scopes)}\n")
        for scope in scopes:
            if scope in HELP:
                out.write(level, f"{start}{HELP[scope]}\n")


def _amounts(quota: Object) -> Iterator[tuple[str, Quantity, Quantity]]:
    status = quota.get("status") or {}
    used = status.get("used") or {}
    for name, hard in sorted((status.get("hard") or {}).items()):
        yield name, Quantity.parse(used.get(name, "0")), Quantity.parse(hard)
