"""Hears what the runtime tells: that a container ended or ran out of memory, that the runtime was away and is back.

Takes the runtime's events, and from the workers whose each container is; wakes the worker whose pod it concerns, or all
of them after a connection, and has what a killed runtime left behind swept.
Invariant: no fault makes a kubelet deaf for long; what was missed while the runtime was away is found by looking.
"""

import logging
from typing import TYPE_CHECKING, Final

from podbay.cri.runtime import RuntimeEvent, RuntimeFailure
from podbay.kubelet.observed import POD_UID, Observed
from podbay.lib.tasks import TaskScope

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)

_SUBSCRIBED_S: Final = 1.0
_LATE_S: Final = 10.0
_ABANDONED_S: Final = 60.0
_LOST_S: Final = 2.0
_HEAR_AGAIN_S: Final = 1.0


class RuntimeEvents:
    """See the module. ``run`` until cancelled."""

    def __init__(self, kubelet: "Kubelet") -> None:
        self._kubelet = kubelet
        self._owners: dict[str, str] = {}  # container or sandbox id -> pod uid
        self._connections = 0
        self._scope = TaskScope()

    async def run(self) -> None:
        """Follow the runtime's events for ever: a kubelet that is deaf would see no container end."""
        async with self._scope:
            while True:
                try:
                    await self._follow()
                except Exception:
                    _log.exception("following the runtime's events")
                await self._kubelet.clock.sleep(_HEAR_AGAIN_S)

    def own(self, uid: str, seen: Observed) -> None:
        """Remember whose the runtime's sandboxes and containers are, for when their ends are told."""
        self._owners.update(dict.fromkeys([c.id for c in seen.containers] + [s.id for s in seen.sandboxes], uid))

    def forget_container(self, container_id: str) -> None:
        """Forget a container that was removed."""
        self._owners.pop(container_id, None)

    def forget_pod(self, uid: str) -> None:
        """Forget everything of a pod that is gone."""
        self._owners = {key: owner for key, owner in self._owners.items() if owner != uid}

    async def _follow(self) -> None:
        """Follow the runtime's events; whatever was missed while it was away is found by looking."""
        kubelet = self._kubelet
        async for event in kubelet.runtime.events():
            if event.kind == "lost":
                kubelet.heartbeat.look_again(_LOST_S)  # one that is started again at once was not away
                continue
            if event.kind != "connected":
                kubelet.container_garbage.expect()
                self._scope.start(self._heard(event), name="runtime event")
                continue
            self._connections += 1
            kubelet.heartbeat.look_again()
            kubelet.wake_all()
            if self._connections > 1:
                with kubelet.activity.working("sweep"):
                    await kubelet.container_garbage.sweep()
            self._scope.start(self._look_again(), name="look again")

    async def _look_again(self) -> None:
        """Look once more soon after connecting: the runtime does not say when the subscription has begun to hold.

        And sweep a little later, for what a killed runtime's children were still making; and once more when nobody
        waits any more for what they may have made after the runtime was back.
        """
        kubelet = self._kubelet
        await kubelet.clock.sleep(_SUBSCRIBED_S)
        kubelet.wake_all()
        for later_s in (_LATE_S, kubelet.config.runtime_request_timeout_s + _ABANDONED_S):
            await kubelet.clock.sleep(later_s)
            with kubelet.activity.working("sweep"):
                await kubelet.container_garbage.sweep_runtime()

    async def _heard(self, event: RuntimeEvent) -> None:
        kubelet = self._kubelet
        with kubelet.activity.working("runtime event"):
            uid = self._owners.get(event.id) or await self._owner_of(event.id)
            owner = kubelet.worker_of(uid or "")
            if owner is None:
                return
            if event.kind == "exit":
                await kubelet.observer.settled(event.id)
            owner.ended(event.id, oom=event.kind == "oom")

    async def _owner_of(self, container_id: str) -> str | None:
        try:
            return (await self._kubelet.runtime.container_status(container_id)).labels.get(POD_UID)
        except RuntimeFailure:
            return None
