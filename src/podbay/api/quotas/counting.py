"""What a quota counts, counted anew from everything that is there.

Pure. Takes a quota, the objects of its namespace by kind, and the time; gives the quota's status.
Invariant: what is counted is what admission charges, so that counting again changes nothing unless something went.
Source: upstream's CalculateUsage and its resource quota controller.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from podbay.api.quantity import Quantity, parse_all
from podbay.api.quotas import amounts
from podbay.api.quotas.scopes import matches_scopes
from podbay.api.quotas.usage import COUNTED, NEVER_USED, tracked, usage
from podbay.api.resources import Resource

Object = Mapping[str, Any]


def kinds_of(quota: Object) -> list[Resource]:
    """Return the kinds whose objects a quota is about."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    return [resource for resource in COUNTED if tracked(resource, hard)]


def counted_status(
    quota: Object, objects_of: Callable[[Resource], Iterable[Object]], now: datetime
) -> dict[str, dict[str, str]]:
    """Return a quota's status: its limits as they are wanted, and what is used of each that can be counted."""
    hard = parse_all((quota.get("spec") or {}).get("hard"))
    known = amounts.of_names(parse_all((quota.get("status") or {}).get("used")), hard)
    found = {name: Quantity(0) for name in NEVER_USED if name in hard}
    for resource in kinds_of(quota):
        names = tracked(resource, hard)
        found |= dict.fromkeys(names, Quantity(0))
        for obj in objects_of(resource):
            if matches_scopes(quota, resource, obj):
                found = amounts.plus(found, amounts.of_names(usage(resource, obj, now), names))
    return {"hard": amounts.written(hard), "used": amounts.written({**known, **found})}


def is_counted(quota: Object, status: Mapping[str, Mapping[str, str]]) -> bool:
    """Tell whether a quota says already what was counted."""
    old = quota.get("status") or {}
    return all(old.get(part) is not None and parse_all(old[part]) == parse_all(status[part]) for part in status)


def frees(resource: Resource, old: Object, new: Object, now: datetime) -> bool:
    """Tell whether a change of an object is one after which quotas are counted anew."""
    return usage(resource, old, now) != usage(resource, new, now)
