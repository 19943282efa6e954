"""Binds the volumes of a pod before the pod itself, and waits until that is so.

Takes a plan for a node; writes volumes, and onto claims the node for which a volume has to be made; returns once every
claim is bound, or raises why not. What a plan promises stands in the view for as long.
Invariant: a pod is bound to a node only after every claim of it is bound to a volume that the node can use.
Source: upstream's plugin VolumeBinding (PreBind).
"""

import asyncio
from typing import Final

from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES
from podbay.api.volume_binding import SELECTED_NODE, annotations_of, bound_volume, is_bound
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.volumes import VolumePlan, VolumeView

PATIENCE_S: Final = 600.0


class VolumesNotBound(Exception):
    """Why a pod's claims were not bound; the pod has to be decided on anew."""


class VolumePreBinder:
    """See the module. ``changed`` is called whenever a claim, a volume or a pod has changed."""

    def __init__(self, rest: Rest, clock: Clock, claims: Informer, volumes: Informer, view: VolumeView) -> None:
        self._rest = rest
        self._clock = clock
        self._claims = claims
        self._volumes = volumes
        self._view = view
        self._waiting: set[asyncio.Event] = set()

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

    def changed(self) -> None:
        """Have everybody who waits look again."""
        for event in self._waiting:
            event.set()

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

    async def wait(self, plan: VolumePlan, node: str, pods: Informer, pod: Object) -> None:
        """Return once every claim of a plan is bound. Raises VolumesNotBound."""
        changed, late = asyncio.Event(), asyncio.Event()
        self._waiting.add(changed)
        try:
            async with TaskScope() as scope:
                scope.start(self._end(changed, late), name="patience with volumes")
                while not self._are_bound(plan, node, pods, pod):
                    if late.is_set():
                        raise VolumesNotBound("binding volumes: context deadline exceeded")
                    changed.clear()
                    await changed.wait()
        finally:
            self._waiting.discard(changed)

    async def _end(self, changed: asyncio.Event, late: asyncio.Event) -> None:
        await self._clock.sleep(PATIENCE_S)
        late.set()
        changed.set()

    def _are_bound(self, plan: VolumePlan, node: str, pods: Informer, pod: Object) -> bool:
        current = pods.get(key_of(pod))
        if current is None or current["metadata"]["uid"] != pod["metadata"]["uid"]:
            raise VolumesNotBound("binding volumes: the pod is gone")
        found = [self._claim(claim) for claim in [pair[1] for pair in plan.pairs] + list(plan.made)]
        made = {claim["metadata"]["uid"] for claim in plan.made}
        for claim in found:
            # A copy of the claim from before the node was written onto it says nothing yet.
            is_news = claim["metadata"]["resourceVersion"] not in {
                one["metadata"]["resourceVersion"] for one in plan.made
            }
            chosen = annotations_of(claim).get(SELECTED_NODE)
            if claim["metadata"]["uid"] in made and is_news and chosen != node:
                name = claim["metadata"]["name"]
                raise VolumesNotBound(f'binding volumes: provisioning failed for PVC "{name}"')
        return all(is_bound(claim) and self._volumes.get(claim["spec"]["volumeName"]) is not None for claim in found)

    def _claim(self, planned: object) -> Object:
        assert isinstance(planned, dict)
        name = planned["metadata"]["name"]
        claim = self._claims.get(key_of(planned))
        if claim is None or claim["metadata"]["uid"] != planned["metadata"]["uid"]:
            raise VolumesNotBound(f'binding volumes: persistentvolumeclaim "{name}" not found')
        if "deletionTimestamp" in claim["metadata"]:
            raise VolumesNotBound(f'binding volumes: persistentvolumeclaim "{name}" is being deleted')
        return claim
