"""The ephemeral volume controller: makes the claims that pods bring for themselves.

Takes pods and claims from informers; makes a claim for each ephemeral volume of a pod that lives, and again when one
was deleted under it.
Invariant: a claim that was not made for the pod is left as it is, and the pod is told why it waits.
Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
"""

from collections.abc import Mapping
from typing import Any

from podbay.api.ephemeral_volumes import (
    ephemeral_claim,
    ephemeral_claim_name,
    ephemeral_claim_names,
    ephemeral_volumes_of,
    ownership_problem,
)
from podbay.api.errors import Conflict, StatusError
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope


class EphemeralVolumeController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._pods = Informer(rest, PODS, clock, activity)
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._events = EventRecorder(rest, clock, activity, component="ephemeral_volume")
        informers = (self._pods, self._claims)
        self._controller = Controller("ephemeral volumes", informers, self._reconcile, clock, activity)
        self._pods.on_change(self._pod_changed)
        self._claims.on_change(self._claim_changed)

    async def run(self) -> None:
        """Make claims until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._events.run(), name="ephemeral volume events")
            scope.start(self._pods.run(), name="ephemeral volume pods")
            scope.start(self._claims.run(), name="ephemeral volume claims")
            await self._controller.run(workers=1)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and old is None and ephemeral_volumes_of(new):
            self._controller.queue.add(key_of(new))

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            namespace, name = old["metadata"]["namespace"], old["metadata"]["name"]
            for key, pod in self._pods.objects.items():
                if pod["metadata"]["namespace"] == namespace and name in ephemeral_claim_names(pod):
                    self._controller.queue.add(key)

    async def _reconcile(self, key: str) -> float | None:
        pod = self._pods.get(key)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return None
        for volume in ephemeral_volumes_of(pod):
            try:
                await self._see_to(pod, volume)
            except (StatusError, TransportError) as error:
                self._events.event(pod, "Warning", "FailedBinding", f"ephemeral volume {volume['name']}: {error}")
                raise
        return None

    async def _see_to(self, pod: Object, volume: Mapping[str, Any]) -> None:
        """Have a volume's claim there. Raises StatusError, TransportError."""
        namespace, name = pod["metadata"]["namespace"], ephemeral_claim_name(pod, volume)
        claim = self._claims.get(f"{namespace}/{name}")
        if claim is None:
            await self._rest.create(PERSISTENT_VOLUME_CLAIMS, ephemeral_claim(pod, volume), namespace=namespace)
        elif ownership_problem(pod, claim):
            raise Conflict(ownership_problem(pod, claim))
