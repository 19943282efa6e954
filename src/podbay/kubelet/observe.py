"""Looks at the runtime: what it has, pod by pod, and what ended.

Takes the runtime; gives an ``Observed`` per uid. A container that has ended is asked for once and remembered, because
nothing about it changes any more.
Invariant: an end that was told by an event is waited for until the runtime itself shows it.
"""

import asyncio
from dataclasses import replace
from typing import Final

from podbay.cri.runtime import Container, ContainerState, Runtime, RuntimeFailure, Sandbox
from podbay.kubelet.observed import POD_UID, Observed, observed
from podbay.lib.clock import Clock

_SETTLE_S: Final = 0.01
_SETTLE_SHARE: Final = 0.1  # of the time that was waited already
_SETTLE_MOST_S: Final = 300.0


class Observer:
    """See the module."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._ended: dict[str, Container] = {}
        self._sandbox_status: dict[str, Sandbox] = {}
        self._found: set[str] | None = None

    async def all(self) -> dict[str, Observed]:
        """Return everything the runtime has, without details, by pod uid. Raises RuntimeFailure."""
        sandboxes, containers = await asyncio.gather(self._runtime.sandboxes(), self._runtime.containers())
        uids = {s.uid for s in sandboxes} | {c.labels.get(POD_UID, "") for c in containers}
        ids = {c.id for c in containers} | {s.id for s in sandboxes}
        self._ended = {key: value for key, value in self._ended.items() if key in ids}
        self._sandbox_status = {key: value for key, value in self._sandbox_status.items() if key in ids}
        self._found = uids
        return {
            uid: observed(
                [s for s in sandboxes if s.uid == uid], [c for c in containers if c.labels.get(POD_UID) == uid]
            )
            for uid in uids
        }

    async def pod(self, uid: str) -> Observed:
        """Return what the runtime has of one pod, with details. Raises RuntimeFailure."""
        labels = {POD_UID: uid}
        rough_sandboxes, rough_containers = await asyncio.gather(
            self._runtime.sandboxes(labels), self._runtime.containers(labels)
        )
        sandboxes = [await self._sandbox(s) for s in rough_sandboxes]
        containers = [await self._container(c) for c in rough_containers]
        return observed([s for s in sandboxes if s is not None], [c for c in containers if c is not None])

    def has_nothing(self, uid: str) -> bool:
        """Tell whether the runtime is known to have nothing of a pod for which this kubelet has done nothing yet.

        Only this node's kubelet makes anything, so what was not there when everything was listed is not there now.
        """
        return self._found is not None and uid not in self._found

    async def sandbox(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox that was just made, with its addresses. Raises RuntimeFailure."""
        found = await self._runtime.sandbox_status(sandbox_id)
        self._remember(found)
        return found

    async def container(self, container_id: str, sandbox_id: str) -> Container:
        """Return a container with everything; its sandbox is told only by a list. Raises RuntimeFailure."""
        found = replace(await self._runtime.container_status(container_id), sandbox_id=sandbox_id)
        if found.state is ContainerState.EXITED:
            self._ended[container_id] = found
        return found

    def has_ended(self, container_id: str) -> bool:
        """Tell whether a container was seen to have ended."""
        return container_id in self._ended

    async def settled(self, container_id: str) -> None:
        """Return when the runtime shows the end that an event has told.

        Or when everything is looked at again anyway: on a busy machine it may take the runtime long to clean up.
        """
        began = self._clock.monotonic()
        while (waited_s := self._clock.monotonic() - began) < _SETTLE_MOST_S:
            try:
                if (await self._runtime.container_status(container_id)).state is ContainerState.EXITED:
                    return
            except RuntimeFailure:
                return  # a sandbox, or gone altogether
            await self._clock.sleep(max(_SETTLE_S, waited_s * _SETTLE_SHARE))

    async def _container(self, rough: Container) -> Container | None:
        known = self._ended.get(rough.id)
        if known is not None:
            return known
        try:
            return await self.container(rough.id, rough.sandbox_id)
        except RuntimeFailure as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    async def _sandbox(self, rough: Sandbox) -> Sandbox | None:
        if not rough.ready:
            return rough
        known = self._sandbox_status.get(rough.id)
        if known is not None:
            return known
        try:
            return await self.sandbox(rough.id)
        except RuntimeFailure as error:
            if error.code == "NOT_FOUND":
                return None
            raise

    def _remember(self, sandbox: Sandbox) -> None:
        if sandbox.ready and sandbox.ips:
            self._sandbox_status[sandbox.id] = sandbox
