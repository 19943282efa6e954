"""The namespace controller: a namespace that is deleted empties itself, and then goes.

Takes namespaces from an informer; deletes everything in a terminating one, pods first, tells in its conditions what is
left, and takes the finalizer ``kubernetes`` away when nothing is. It may not watch what it deletes (upstream's role
does not let it), so it looks again after growing pauses.
Invariant: the finalizer goes only after a list of every kind was seen empty.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/ ; upstream's
namespaced_resources_deleter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import NAMESPACES, PODS, RESOURCES, Resource
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

_FINALIZER: Final = "kubernetes"
_AGAIN: Final = Backoff(base_s=0.25, cap_s=8.0)  # pods take their time: look again until nothing is left
_FIRST: Final = (PODS,)
_THEN: Final = tuple(
    r for r in RESOURCES if r.namespaced and r.stored_as is None and "deletecollection" in r.verbs and r not in _FIRST
)
_DISCOVERED: Final = ("ResourcesDiscovered", "All resources successfully discovered")
_PARSED: Final = ("ParsedGroupVersions", "All legacy kube types successfully parsed")
_DELETED: Final = ("ContentDeleted", "All content successfully deleted, may be waiting on finalization")
_REMOVED: Final = ("ContentRemoved", "All content successfully removed")
_FINALIZED: Final = ("ContentHasNoFinalizers", "All content-preserving finalizers finished")
_REMAINING: Final = "Some resources are remaining: "
_HELD: Final = "Some content in the namespace has finalizers remaining: "


@dataclass(slots=True)
class Remains:
    """What a try to empty a namespace left: objects by kind, objects by the finalizer that holds them, and errors."""

    left: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


class NamespaceController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._tries: dict[str, int] = {}
        self._informer = Informer(rest, NAMESPACES, clock, activity)
        self._controller = Controller("namespace controller", [self._informer], self._reconcile, clock, activity)
        self._informer.on_change(self._changed)

    async def run(self) -> None:
        """Watch and empty until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._informer.run(), name="namespaces")
            await self._controller.run()

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and "deletionTimestamp" in new["metadata"]:
            self._controller.queue.add(key_of(new))

    async def _reconcile(self, name: str) -> float | None:
        try:
            namespace = await self._rest.get(NAMESPACES, name)
        except NotFound:
            self._tries.pop(name, None)
            return None
        if "deletionTimestamp" not in namespace["metadata"]:
            return None
        if _FINALIZER not in (namespace.get("spec") or {}).get("finalizers", ()):
            return None
        found = await self._empty(name)
        if found.left or found.errors:
            await self._tell(namespace, found)
            self._tries[name] = self._tries.get(name, 0) + 1
            return _AGAIN.delay_s(self._tries[name])
        namespace["spec"]["finalizers"] = [f for f in namespace["spec"]["finalizers"] if f != _FINALIZER]
        await self._rest.update(NAMESPACES, namespace, subresource="finalize")
        self._tries.pop(name, None)
        return None

    async def _empty(self, name: str) -> Remains:
        """Delete everything, pods before what they may depend upon; return what is left."""
        found = Remains()
        for kinds in (_FIRST, _THEN):
            for resource in kinds:
                try:
                    await self._empty_of(name, resource, found)
                except StatusError as error:
                    found.errors.append(error.message)
            if found.left or found.errors:
                break
        return found

    async def _empty_of(self, name: str, resource: Resource, found: Remains) -> None:
        if not (await self._rest.list(resource, namespace=name))["items"]:
            return
        await self._rest.delete_collection(resource, namespace=name)
        left = (await self._rest.list(resource, namespace=name))["items"]
        if left:
            found.left[f"{resource.plural}.{resource.group}"] = len(left)
        for obj in left:
            for finalizer in obj["metadata"].get("finalizers") or ():
                found.held[finalizer] = found.held.get(finalizer, 0) + 1

    async def _tell(self, namespace: Object, found: Remains) -> None:
        known = (namespace.get("status") or {}).get("conditions") or []
        conditions = remaining_conditions(known, found, self._clock.now())
        if conditions != known:
            namespace.setdefault("status", {})["conditions"] = conditions
            await self._rest.update(NAMESPACES, namespace, subresource="status")


def remaining_conditions(known: Sequence[Object], found: Remains, now: datetime) -> list[Object]:
    """Return upstream's conditions that tell what keeps a namespace. Pure."""
    content = ", ".join(f"{kind} has {count} resource instances" for kind, count in sorted(found.left.items()))
    finalizers = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(found.held.items()))
    errors = f"Failed to delete all resource types, {len(found.errors)} remaining: {', '.join(found.errors)}"
    wanted = [
        _condition("DeletionDiscoveryFailure", "", ("", ""), _DISCOVERED),
        _condition("DeletionGroupVersionParsingFailure", "", ("", ""), _PARSED),
        _condition("DeletionContentFailure", found.errors, ("ContentDeletionFailed", errors), _DELETED),
        _condition("ContentRemaining", content, ("SomeResourcesRemain", _REMAINING + content), _REMOVED),
        _condition("FinalizersRemaining", finalizers, ("SomeFinalizersRemain", _HELD + finalizers), _FINALIZED),
    ]
    before = {condition["type"]: condition for condition in known}
    for condition in wanted:
        old = before.get(condition["type"])
        is_same = old is not None and old["status"] == condition["status"]
        condition["lastTransitionTime"] = old["lastTransitionTime"] if old and is_same else format_time(now)
    return wanted


def _condition(kind: str, trouble: object, bad: tuple[str, str], good: tuple[str, str]) -> Object:
    reason, message = bad if trouble else good
    return {"type": f"Namespace{kind}", "status": "True" if trouble else "False", "reason": reason, "message": message}
