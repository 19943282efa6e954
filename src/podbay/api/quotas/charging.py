"""What an object that is created, or changed, does to the quotas of its namespace.

Pure. Takes quotas as they are and the object; gives those that change, with what is used then, or raises Refused in
upstream's words. Whoever stores them does so before the object.
Invariant: an object that is let in exceeds no quota that it counts against.
Source: upstream's admission of resource quotas (CheckRequest).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.api import resources
from podbay.api.quantity import Quantity, parse_all
from podbay.api.quotas import amounts
from podbay.api.quotas.scopes import matches_scopes
from podbay.api.quotas.usage import compute_usage, tracked, usage
from podbay.api.resources import Resource

Object = Mapping[str, Any]

_DEMANDED: Final = frozenset({
    "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
})  # fmt: skip # of containers, where a quota counts it


class Refused(Exception):
    """A quota does not let an object in; the text says which and why."""


def charge(
    quotas: Sequence[Object],
    resource: Resource,
    new: Object,
    old: Object | None,
    now: datetime,
    *,
    may_exceed: bool = False,
) -> list[dict[str, Any]]:
    """Return the quotas that change, with what they count then. Raises Refused."""
    concerned = [quota for quota in quotas if _is_concerned(quota, resource, new)]
    for quota in concerned:
        _check(quota, resource, new)
    changed = []
    for quota in concerned:
        more = usage(resource, new, now)
        if old is not None and _is_concerned(quota, resource, old):
            more = amounts.increase(more, usage(resource, old, now))
        if more := amounts.without_zeros(more):
            found = _charged(quota, more, may_exceed=may_exceed)
            changed += [found] if found is not None else []
    return changed


def missing_demands(pod: Object, demanded: Iterable[str]) -> str:
    """Return which containers name none of what a quota demands of each of them, in upstream's words."""
    spec = pod["spec"]
    lacking: dict[str, set[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        given = container.get("resources") or {}
        named = compute_usage(parse_all(given.get("requests")), parse_all(given.get("limits")))
        for name in _DEMANDED.intersection(demanded).difference(named):
            lacking.setdefault(name, set()).add(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(containers))}" for name, containers in sorted(lacking.items()))


def _status(quota: Object, part: str) -> dict[str, Quantity]:
    return parse_all((quota.get("status") or {}).get(part))


def _is_concerned(quota: Object, resource: Resource, obj: Object) -> bool:
    return bool(tracked(resource, _status(quota, "hard"))) and matches_scopes(quota, resource, obj)


def _check(quota: Object, resource: Resource, obj: Object) -> None:
    """Refuse an object that says too little to be counted, or whose quota is not counted yet."""
    name, names = quota["metadata"]["name"], tracked(resource, _status(quota, "hard"))
    if resource is resources.PODS and (missing := missing_demands(obj, names)):
        raise Refused(f"failed quota: {name}: must specify {missing}")
    if not set(names) <= set(_status(quota, "used")):
        raise Refused(f"status unknown for quota: {name}, resources: {','.join(names)}")


def _charged(quota: Object, more: amounts.Amounts, *, may_exceed: bool) -> dict[str, Any] | None:
    hard, used = _status(quota, "hard"), _status(quota, "used")
    requested = amounts.of_names(more, hard)
    if not requested:
        return None
    total = amounts.plus(used, requested)
    over = amounts.exceeded(amounts.of_names(total, requested), hard)
    if over and not may_exceed:
        parts = (("requested", requested), ("used", used), ("limited", hard))
        told = ", ".join(f"{called}: {amounts.shown(amounts.of_names(each, over))}" for called, each in parts)
        raise Refused(f"exceeded quota: {quota['metadata']['name']}, {told}")
    return {**quota, "status": {**quota["status"], "used": amounts.written(total)}}
