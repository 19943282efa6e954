"""The protection of volumes and claims: what was deleted while it was used goes once nobody uses it.

Takes claims, pods and volumes from informers; adds the finalizers that are missing, and takes them from what is deleted
and unused. Invariant: a claim is let go only after the API server itself said that no pod on a node names it.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
"""

from podbay.api.errors import NotFound
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, Resource
from podbay.api.volume_binding import claim_names
from podbay.api.volume_protection import FINALIZERS, is_shut_down, is_volume_used, uses_claim
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope


class ClaimProtectionController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._pods = Informer(rest, PODS, clock, activity)
        informers = (self._claims, self._pods)
        self._controller = Controller("claim protection", informers, self._reconcile, clock, activity)
        self._claims.on_change(self._claim_changed)
        self._pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Protect until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._claims.run(), name="protected claims")
            scope.start(self._pods.run(), name="protecting pods")
            await self._controller.run(workers=1)

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new or old
        if pod is not None and (new is None or is_shut_down(new)):
            for name in claim_names(pod):
                self._controller.queue.add(f"{pod['metadata']['namespace']}/{name}")

    async def _reconcile(self, key: str) -> float | None:
        claim = self._claims.get(key)
        if claim is not None and _needs_change(PERSISTENT_VOLUME_CLAIMS, claim):
            if "deletionTimestamp" in claim["metadata"] and await self._is_used(claim):
                return None
            await _change(self._rest, PERSISTENT_VOLUME_CLAIMS, claim)
        return None

    async def _is_used(self, claim: Object) -> bool:
        namespace = claim["metadata"]["namespace"]
        known = [pod for pod in self._pods.objects.values() if pod["metadata"]["namespace"] == namespace]
        if any(uses_claim(pod, claim) for pod in known):
            return True
        return any(uses_claim(pod, claim) for pod in (await self._rest.list(PODS, namespace=namespace))["items"])


class VolumeProtectionController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._volumes = Informer(rest, PERSISTENT_VOLUMES, clock, activity)
        self._controller = Controller("volume protection", (self._volumes,), self._reconcile, clock, activity)
        self._volumes.on_change(self._changed)

    async def run(self) -> None:
        """Protect until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._volumes.run(), name="protected volumes")
            await self._controller.run(workers=1)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    async def _reconcile(self, name: str) -> float | None:
        volume = self._volumes.get(name)
        if volume is not None and _needs_change(PERSISTENT_VOLUMES, volume):
            if "deletionTimestamp" in volume["metadata"] and is_volume_used(volume):
                return None
            await _change(self._rest, PERSISTENT_VOLUMES, volume)
        return None


def _needs_change(resource: Resource, obj: Object) -> bool:
    """Tell whether an object lacks its finalizer, or is deleted and still has it."""
    has = FINALIZERS[resource.plural] in (obj["metadata"].get("finalizers") or ())
    return has == ("deletionTimestamp" in obj["metadata"])


async def _change(rest: Rest, resource: Resource, obj: Object) -> None:
    """Take the finalizer from what is deleted, add it to what is not. Raises Conflict if that is news."""
    finalizer, metadata = FINALIZERS[resource.plural], obj["metadata"]
    finalizers = [one for one in metadata.get("finalizers") or () if one != finalizer]
    if "deletionTimestamp" not in metadata:
        finalizers.append(finalizer)
    try:
        await rest.update(resource, {**obj, "metadata": {**metadata, "finalizers": finalizers}})
    except NotFound:
        return  # it is gone
