"""The volume binder: gives claims their volumes, and says of both how they are.

Takes claims, volumes, storage classes and pods from informers; writes claims and volumes as ``volume_decisions``
decides. Invariant: a volume is written before its claim, each on the version that was looked at, so of two claims that
want one volume the second is refused, and what a killed binder has begun the next one finishes.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
"""

from collections.abc import Callable
from typing import Final

from podbay.api.errors import NotFound
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES, Resource
from podbay.api.volume_binding import bound_volume, claim_names, is_bound
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.controllers.volume_decisions import (
    Told,
    asking,
    bound_claim,
    claim_in,
    decide_claim,
    decide_volume,
    unbound_volume,
)
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_CLAIM: Final = "claim "
_VOLUME: Final = "volume "


class VolumeBinder:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._volumes = Informer(rest, PERSISTENT_VOLUMES, clock, activity)
        self._classes = Informer(rest, STORAGE_CLASSES, clock, activity)
        self._pods = Informer(rest, PODS, clock, activity)
        self._informers = (self._claims, self._volumes, self._classes, self._pods)
        self._events = EventRecorder(rest, clock, activity, component="persistentvolume-controller")
        self._controller = Controller("volume binder", self._informers, self._reconcile, clock, activity)
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)
        self._classes.on_change(self._class_changed)

    async def run(self) -> None:
        """Bind until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._events.run(), name="volume binder events")
            for informer in self._informers:
                scope.start(informer.run(), name=f"volume binder {informer.resource.plural}")
            await self._controller.run(workers=1)

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(_CLAIM + key_of(new))
        elif old is not None:
            for name, volume in self._volumes.objects.items():
                if _claim_of(volume) == key_of(old):
                    self._controller.queue.add(_VOLUME + name)

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(_VOLUME + key_of(new))
            if (new.get("status") or {}).get("phase") == "Available":
                self._wake(lambda claim: not is_bound(claim))
        else:
            self._wake(lambda claim: claim["spec"].get("volumeName") == key_of(old or {}))

    def _class_changed(self, old: Object | None, new: Object | None) -> None:
        self._wake(lambda claim: not is_bound(claim))

    def _wake(self, which: Callable[[Object], bool]) -> None:
        for key, claim in self._claims.objects.items():
            if which(claim):
                self._controller.queue.add(_CLAIM + key)

    async def _reconcile(self, key: str) -> float | None:
        if key.startswith(_CLAIM):
            claim = self._claims.get(key.removeprefix(_CLAIM))
            if claim is not None:
                await self._see_to_claim(claim)
        else:
            volume = self._volumes.get(key.removeprefix(_VOLUME))
            if volume is not None:
                await self._see_to_volume(volume)
        return None

    async def _see_to_claim(self, claim: Object) -> None:
        waiting = [
            pod["metadata"]["name"]
            for pod in self._pods.objects.values()
            if pod["metadata"]["namespace"] == claim["metadata"]["namespace"]
            and not pod["spec"].get("nodeName")
            and claim["metadata"]["name"] in claim_names(pod)
        ]
        decision = decide_claim(claim, self._volumes.objects, self._classes.objects, sorted(waiting))
        if decision.volume is not None:
            await self._bind(decision.volume, claim)
        elif decision.storage_class:
            changed = {**claim, "spec": {**claim["spec"], "storageClassName": decision.storage_class}}
            await self._rest.update(PERSISTENT_VOLUME_CLAIMS, changed)  # which brings it back here
        else:
            changes_phase = (claim.get("status") or {}).get("phase") != decision.phase
            if decision.provisioner:
                claim = await self._write(PERSISTENT_VOLUME_CLAIMS, claim, asking(claim, decision.provisioner))
            await self._set_claim(claim, decision.phase, None)
            if decision.told is not None and (changes_phase or decision.phase == "Pending"):
                self._tell(claim, decision.told)

    async def _see_to_volume(self, volume: Object) -> None:
        reference = volume["spec"].get("claimRef") or {}
        claim = await self._claim_named(volume) if reference.get("uid") else None
        decision = decide_volume(volume, claim)
        if decision.wakes_claim:
            self._controller.queue.add(_CLAIM + _claim_of(volume))
        if decision.unbinds:
            volume = await self._write(PERSISTENT_VOLUMES, volume, unbound_volume(volume))
        if decision.phase:
            await self._set_volume(volume, decision.phase, decision.told)

    async def _claim_named(self, volume: Object) -> Object | None:
        """Return the claim that a volume names; what the copy has not is asked for, lest data be lost to a delay."""
        reference = volume["spec"]["claimRef"]
        claim = self._claims.get(_claim_of(volume))
        if claim is not None and claim["metadata"]["uid"] == reference["uid"]:
            return claim
        try:
            return await self._rest.get(PERSISTENT_VOLUME_CLAIMS, reference["name"], namespace=reference["namespace"])
        except NotFound:
            return None

    async def _bind(self, volume: Object, claim: Object) -> None:
        volume = await self._write(PERSISTENT_VOLUMES, volume, bound_volume(volume, claim))
        await self._set_volume(volume, "Bound")
        claim = await self._write(PERSISTENT_VOLUME_CLAIMS, claim, bound_claim(claim, volume))
        await self._set_claim(claim, "Bound", volume)

    async def _set_volume(self, volume: Object, phase: str, told: Told | None = None) -> None:
        status = volume.get("status") or {}
        message = told.message if told is not None else ""
        if phase == status.get("phase") and (told is None or message == status.get("message")):
            return
        wanted = {**status, "phase": phase, "message": message}
        await self._rest.update(PERSISTENT_VOLUMES, {**volume, "status": wanted}, subresource="status")
        if told is not None:
            self._tell(volume, told)

    async def _set_claim(self, claim: Object, phase: str, volume: Object | None) -> None:
        wanted = claim_in(claim, phase, volume)
        if wanted != claim:
            await self._rest.update(PERSISTENT_VOLUME_CLAIMS, wanted, subresource="status")

    async def _write(self, resource: Resource, obj: Object, wanted: Object) -> Object:
        return obj if wanted == obj else await self._rest.update(resource, wanted)

    def _tell(self, obj: Object, told: Told) -> None:
        self._events.event(obj, told.kind, told.reason, told.message)


def _claim_of(volume: Object) -> str:
    reference = volume["spec"].get("claimRef") or {}
    return f"{reference.get('namespace', '')}/{reference.get('name', '')}"
