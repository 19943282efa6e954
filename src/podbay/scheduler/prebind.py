"""Binds the volumes of a pod before the pod itself, and waits until that is so.

Takes a plan for a node; writes volumes, and onto claims the node for which a volume has to be made; returns once every
claim is bound, or raises why not. What a plan promises stands in the view for as long. Who waits looks again when one
of its own claims, a volume of theirs or its pod has changed, so a thousand who wait do not wake each other.
Invariant: a pod is bound to a node only after every claim of it is bound to a volume that the node can use.
Source: upstream's plugin VolumeBinding (PreBind).
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from podbay.api.volume_binding import SELECTED_NODE, annotations_of, bound_volume, is_bound
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.volumes import VolumePlan, VolumeView

PATIENCE_S: Final = 600.0
_CLAIM: Final = "claim "
_POD: Final = "pod "


class VolumesNotBound(Exception):
    """Why a pod's claims were not bound; the pod has to be decided on anew."""


class VolumePreBinder:
    """See the module."""

    def __init__(
        self, rest: Rest, clock: Clock, pods: Informer, claims: Informer, volumes: Informer, view: VolumeView
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._pods = pods
        self._claims = claims
        self._volumes = volumes
        self._view = view
        self._waiting: dict[str, set[asyncio.Event]] = {}  # by what they wait for
        pods.on_change(self._pod_changed)
        claims.on_change(self._claim_changed)
        volumes.on_change(self._volume_changed)

    def promise(self, plan: VolumePlan, node: str) -> None:
        """Keep what a plan gives from other decisions."""
        for volume, claim in plan.pairs:
            self._view.promised[key_of(dict(volume))] = key_of(dict(claim))
        for claim in plan.made:
            self._view.selected[key_of(dict(claim))] = node

    def forget(self, plan: VolumePlan) -> None:
        """End what was promised: by now it is stored, or came to nothing."""
        for volume, _ in plan.pairs:
            self._view.promised.pop(key_of(dict(volume)), None)
        for claim in plan.made:
            self._view.selected.pop(key_of(dict(claim)), None)

    async def bind(self, plan: VolumePlan, node: str) -> None:
        """Write what a plan says. Raises StatusError, TransportError."""
        for volume, claim in plan.pairs:
            await self._rest.update(PERSISTENT_VOLUMES, bound_volume(volume, claim))
        for claim in plan.made:
            metadata = claim["metadata"]
            annotations = {**annotations_of(claim), SELECTED_NODE: node}
            wanted = {**claim, "metadata": {**metadata, "annotations": annotations}}
            if annotations_of(claim).get(SELECTED_NODE) != node:
                await self._rest.update(PERSISTENT_VOLUME_CLAIMS, wanted)

    async def wait(self, plan: VolumePlan, node: str, pod: Object) -> None:
        """Return once every claim of a plan is bound. Raises VolumesNotBound."""
        changed, late = asyncio.Event(), asyncio.Event()
        keys = [_POD + key_of(pod), *(_CLAIM + key_of(dict(claim)) for claim in _claims_of(plan))]
        for key in keys:
            self._waiting.setdefault(key, set()).add(changed)
        try:
            async with TaskScope() as scope:
                scope.start(self._end(changed, late), name="patience with volumes")
                while not self._are_bound(plan, node, pod):
                    if late.is_set():
                        raise VolumesNotBound("binding volumes: context deadline exceeded")
                    changed.clear()
                    await changed.wait()
        finally:
            for key in keys:
                self._waiting[key].discard(changed)
                if not self._waiting[key]:
                    del self._waiting[key]

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._look_again(_POD + key_of(old or {}))

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        self._look_again(_CLAIM + key_of(new or old or {}))

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        reference = (new or old or {})["spec"].get("claimRef") or {}
        self._look_again(f"{_CLAIM}{reference.get('namespace')}/{reference.get('name')}")

    def _look_again(self, key: str) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    async def _end(self, changed: asyncio.Event, late: asyncio.Event) -> None:
        await self._clock.sleep(PATIENCE_S)
        late.set()
        changed.set()

    def _are_bound(self, plan: VolumePlan, node: str, pod: Object) -> bool:
        current = self._pods.get(key_of(pod))
        if current is None or current["metadata"]["uid"] != pod["metadata"]["uid"]:
            raise VolumesNotBound("binding volumes: the pod is gone")
        found = [self._claim(claim) for claim in _claims_of(plan)]
        decided_on = {claim["metadata"]["uid"]: claim["metadata"]["resourceVersion"] for claim in plan.made}
        for claim in found:
            metadata = claim["metadata"]
            # A copy of the claim from before the node was written onto it says nothing yet.
            is_news = decided_on.get(metadata["uid"], metadata["resourceVersion"]) != metadata["resourceVersion"]
            if is_news and annotations_of(claim).get(SELECTED_NODE) != node:
                raise VolumesNotBound(f'binding volumes: provisioning failed for PVC "{metadata["name"]}"')
        return all(is_bound(claim) and self._volumes.get(claim["spec"]["volumeName"]) is not None for claim in found)

    def _claim(self, planned: Mapping[str, Any]) -> Object:
        name = planned["metadata"]["name"]
        claim = self._claims.get(key_of(dict(planned)))
        if claim is None or claim["metadata"]["uid"] != planned["metadata"]["uid"]:
            raise VolumesNotBound(f'binding volumes: persistentvolumeclaim "{name}" not found')
        if "deletionTimestamp" in claim["metadata"]:
            raise VolumesNotBound(f'binding volumes: persistentvolumeclaim "{name}" is being deleted')
        return claim


def _claims_of(plan: VolumePlan) -> list[Mapping[str, Any]]:
    return [*(claim for _, claim in plan.pairs), *plan.made]
