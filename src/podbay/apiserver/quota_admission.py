"""The admission of whatever quotas count: charged to every quota of its namespace before it is stored, or refused.

Takes the stored quotas and a valid object that is about to be stored; changes the quotas' status, or raises Forbidden
in upstream's words.
Invariant: no quota is exceeded however many come at once, because each charge replaces the version that was looked at,
and whoever counts anew does so while no charged object is on its way into the store (see ``turn_of``). What was charged
and then not stored is given back when the quota is counted next.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#resourcequota
"""

import contextlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

from podbay.api.errors import Conflict, Forbidden, NotFound
from podbay.api.quotas.charging import Refused, charge
from podbay.api.quotas.usage import COUNTED
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, Resource
from podbay.apiserver.storage.objects import Objects

Object = Mapping[str, Any]

_TRIES: Final = 8
_CHARGED_UPDATES: Final = (
    (PODS, "resize"),
    (PERSISTENT_VOLUME_CLAIMS, ""),
    (PERSISTENT_VOLUME_CLAIMS, "status"),
)


def turn_of(
    objects: Objects, resource: Resource, subresource: str, namespace: str
) -> AbstractAsyncContextManager[None]:
    """Return in which order an update goes with creations: of a quota's status between them, so that it may say what
    was counted; of what quotas count beside them.
    """
    if resource is RESOURCE_QUOTAS and subresource == "status":
        return objects.gates.closing(namespace)
    if (resource, subresource) in _CHARGED_UPDATES:
        return objects.gates.creating(namespace)
    return contextlib.nullcontext()


async def admit_quota(
    objects: Objects,
    now: datetime,
    resource: Resource,
    new: Object,
    old: Object | None = None,
    *,
    subresource: str = "",
    dry_run: bool = False,
) -> None:
    """Charge an object to the quotas that count it; in a dry run only ask them. Raises Forbidden, Conflict."""
    if resource not in COUNTED or (old is not None and (resource, subresource) not in _CHARGED_UPDATES):
        return
    namespace = new["metadata"]["namespace"]
    if next(objects.in_namespace(RESOURCE_QUOTAS, namespace), None) is None:
        return
    async with objects.turns.turn(namespace):
        left: set[str] | None = None  # names of the quotas that are still to be charged
        for attempt in range(_TRIES):
            found = {entry.name: entry for entry in objects.in_namespace(RESOURCE_QUOTAS, namespace)}
            quotas = [entry.object() for name, entry in found.items() if left is None or name in left]
            try:
                changed = charge(quotas, resource, new, old, now, may_exceed=subresource == "status")
            except Refused as refused:
                raise _forbidden(resource, new, str(refused)) from None
            left = set()
            for quota in () if dry_run else changed:
                name = quota["metadata"]["name"]
                try:
                    await objects.update(RESOURCE_QUOTAS, found[name], quota)
                except Conflict:
                    if attempt == _TRIES - 1:
                        raise
                    left.add(name)
                except NotFound:
                    continue  # it limits nothing any more
            if not left:
                return
            await objects.fresh()


def _forbidden(resource: Resource, obj: Object, why: str) -> Forbidden:
    name = obj["metadata"]["name"]
    details = {"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {})
    return Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)
