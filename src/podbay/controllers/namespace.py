"""The namespace controller: a namespace that is deleted empties itself, and then goes.

Takes namespaces from an informer; deletes everything in a terminating one, kind by kind, tells in its conditions what
is left, and takes the finalizer ``kubernetes`` away when nothing is.
Invariant: the finalizer goes only after a list of every kind was seen empty.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/ ; upstream's
namespaced_resources_deleter.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.api.errors import NotFound
from podbay.api.resources import NAMESPACES, RESOURCES
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

_FINALIZER: Final = "kubernetes"
_AGAIN_S: Final = 1.0  # pods take their grace period: look again until nothing is left
_KINDS: Final = tuple(r for r in RESOURCES if r.namespaced and r.stored_as is None and "deletecollection" in r.verbs)


class NamespaceController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
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
            return None
        if "deletionTimestamp" not in namespace["metadata"]:
            return None
        if _FINALIZER not in (namespace.get("spec") or {}).get("finalizers", ()):
            return None
        left, held = await self._empty(name)
        if left:
            conditions = remaining_conditions(
                (namespace.get("status") or {}).get("conditions") or (), left, held, self._clock.now()
            )
            if conditions != (namespace.get("status") or {}).get("conditions"):
                namespace.setdefault("status", {})["conditions"] = conditions
                await self._rest.update(NAMESPACES, namespace, subresource="status")
            return _AGAIN_S
        namespace["spec"]["finalizers"] = [f for f in namespace["spec"]["finalizers"] if f != _FINALIZER]
        await self._rest.update(NAMESPACES, namespace, subresource="finalize")
        return None

    async def _empty(self, name: str) -> tuple[dict[str, int], dict[str, int]]:
        """Delete everything; return how many of each kind are left, and how many each finalizer holds."""
        left: dict[str, int] = {}
        held: dict[str, int] = {}
        for resource in _KINDS:
            page = await self._rest.list(resource, namespace=name)
            if not page["items"]:
                continue
            await self._rest.delete_collection(resource, namespace=name)
            page = await self._rest.list(resource, namespace=name)
            if page["items"]:
                left[f"{resource.plural}.{resource.group}"] = len(page["items"])
            for obj in page["items"]:
                for finalizer in obj["metadata"].get("finalizers") or ():
                    held[finalizer] = held.get(finalizer, 0) + 1
        return left, held


def remaining_conditions(
    known: Any, left: Mapping[str, int], held: Mapping[str, int], now: datetime
) -> list[dict[str, Any]]:
    """Return upstream's conditions that tell what keeps a namespace. Pure."""
    content = ", ".join(f"{kind} has {count} resource instances" for kind, count in sorted(left.items()))
    finalizers = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(held.items()))
    wanted = [
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            ("NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {content}")
            if content
            else ("NamespaceContentRemaining", "False", "ContentRemoved", "All content successfully removed")
        ),
        (
            (
                "NamespaceFinalizersRemaining",
                "True",
                "SomeFinalizersRemain",
                f"Some content in the namespace has finalizers remaining: {finalizers}",
            )
            if finalizers
            else (
                "NamespaceFinalizersRemaining",
                "False",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            )
        ),
    ]
    before = {condition["type"]: condition for condition in known}
    found = []
    for kind, status, reason, message in wanted:
        old = before.get(kind)
        moment = old["lastTransitionTime"] if old and old["status"] == status else format_time(now)
        found.append(
            {"type": kind, "status": status, "lastTransitionTime": moment, "reason": reason, "message": message}
        )
    return found
