"""Defaults of limit ranges: what containers are given follows from what they may have.

Takes a limit range; changes it in place. Invariant: a default limit is there for whatever has a maximum, a default
request for whatever has a default limit or a minimum.
Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/limit-range-v1/
"""

from typing import Any, Final

from podbay.api.defaults.resource_lists import round_up

_LISTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def default_limit_range(limit_range: dict[str, Any]) -> None:
    """Fill in the defaults for containers, and round every amount."""
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            item |= {name: amounts for name, amounts in (("default", limits), ("defaultRequest", requests)) if amounts}
        for name in _LISTS:
            round_up(item.get(name))
