"""Stops containers: one that is to be made anew, or all of a pod, sidecars last and in reverse order.

Takes what runs; returns when it has ended. Meanwhile the pod's status is kept up, and a grace period that is shortened
takes effect at once.
Invariant: no container has longer than the grace period, however much of it goes by before it is asked to end; but
two seconds are always left. One that will not stop keeps neither the others nor the sandbox from it.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination ; upstream's killContainer and
terminationOrdering.
"""

import asyncio
import json
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from podbay.api.pod_containers import find_container, is_sidecar
from podbay.cri.runtime import Container, RuntimeFailure, Sandbox
from podbay.kubelet.actions import StopContainer
from podbay.kubelet.deadline import Deadline, outcome
from podbay.kubelet.hooks import FALLBACK, HookFailed
from podbay.kubelet.observed import Observed
from podbay.lib.tasks import TaskScope

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet
    from podbay.kubelet.patience import Patience
    from podbay.kubelet.worker import Worker

_log = logging.getLogger(__name__)

_LEAST_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be done of a pod's end, to what, and why."""

    action: str
    target: str
    why: RuntimeFailure

    def __str__(self) -> str:
        why = json.dumps(str(self.why), ensure_ascii=False)
        return f'failed to "{self.action}" for "{self.target}" with {self.action}Error: {why}'


class KillFailed(RuntimeFailure):
    """Something of a pod could not be stopped. As text it reads as upstream tells it."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__(failures[0].why.code, failures[0].why.message)
        texts = [str(failure) for failure in failures]
        self.args = (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]",)
        self.failures = failures


class Stopper:
    """See the module."""

    def __init__(self, kubelet: "Kubelet", worker: "Worker") -> None:
        self._kubelet = kubelet
        self._worker = worker
        self._told: set[str] = set()

    async def kill(self, seen: Observed, sandboxes: Sequence[Sandbox]) -> None:
        """Stop every container that runs, and then these sandboxes, which ends also what would not stop.

        Raises KillFailed, and tells it; what runs then is for a later step.
        """
        failures: list[Failure] = []
        if seen.running:
            try:
                await self.stop_all(seen)
            except KillFailed as error:
                failures += error.failures
        for sandbox in sandboxes:
            try:
                await self._kubelet.runtime.stop_sandbox(sandbox.id)
            except RuntimeFailure as error:
                failures.append(Failure("KillPodSandbox", sandbox.uid, error))
        if failures:
            failed = KillFailed(failures)
            self._worker.tell("Warning", "FailedKillPod", f"error killing pod: {failed}")
            raise failed

    async def stop_all(self, seen: Observed) -> None:
        """Stop every container that runs; return when all have ended, or failed to. Raises KillFailed."""
        turns = Turns(self._worker.pod["spec"], [container.name for container in seen.running])
        stops = [(container, f"Stopping container {container.name}") for container in seen.running]
        await self._see_to_it(stops, self._worker.grace_s(), turns)

    async def stop_one(self, stop: StopContainer, seen: Observed) -> None:
        """Stop one container that is to be made anew. Raises KillFailed."""
        container = next(c for c in seen.containers if c.id == stop.id)
        await self._see_to_it([(container, stop.message)], self._grace_s(stop), Turns({"containers": ()}, ()))

    def _may_show(self) -> bool:
        """Tell whether an end may be told now: with the policy Never it could not be taken back by a restart."""
        return self._worker.ending.is_set() or self._worker.pod["spec"].get("restartPolicy") != "Never"

    def _grace_s(self, stop: StopContainer) -> float:
        pod = self._worker.pod
        found = find_container(pod["spec"], stop.name)
        probe = (found[1].get(f"{stop.probe}Probe") or {}) if found is not None and stop.probe else {}
        own = probe.get("terminationGracePeriodSeconds")
        if own is None or "deletionGracePeriodSeconds" in pod["metadata"]:
            return self._worker.grace_s()
        return float(own)

    async def _see_to_it(self, stops: Sequence[tuple[Container, str]], grace_s: float, turns: "Turns") -> None:
        """Return when all have ended; whatever wakes the worker meanwhile shows in the status, or shortens the time."""
        worker = self._worker
        deadline = Deadline(self._kubelet.clock, grace_s)
        patience = worker.patience(len(stops))
        was_woken = False
        async with TaskScope() as scope:
            tasks = [
                scope.start(outcome(self._end(container, message, deadline, turns, patience)), name="stop container")
                for container, message in stops
            ]
            while pending := [task for task in tasks if not task.done()]:
                woken = scope.start(worker.waking.woken.wait(), name="woken meanwhile")
                await asyncio.wait({*pending, woken}, return_when=asyncio.FIRST_COMPLETED)
                if not woken.done():
                    woken.cancel()
                    continue
                worker.waking.woken.clear()
                was_woken = True
                worker.waking.unpark()
                if worker.ending.is_set():
                    deadline.shorten(worker.grace_s())
                if any(not task.done() for task in tasks):
                    if self._may_show():
                        await worker.show()
                    patience.go_on()
            worker.waking.unpark()
            if was_woken:
                worker.wake()  # what else it was woken for has not been dealt with yet
            found = [await task for task in tasks]
        failures: list[Failure] = []
        for (container, _), failure in zip(stops, found, strict=True):
            if isinstance(failure, RuntimeFailure):
                failures.append(Failure("KillContainer", container.name, failure))
            elif failure is not None:
                raise failure
        if failures:
            raise KillFailed(failures)

    async def _end(
        self,
        container: Container,
        message: str,
        deadline: Deadline,
        turns: "Turns",
        patience: "Patience",
    ) -> None:
        if container.id not in self._told:
            self._told.add(container.id)
            self._worker.tell_of(container.name, "Normal", "Killing", message)
        try:
            await self._before_stop(container, deadline, patience)
            if turns.must_wait(container.name):
                await deadline.wait_for(turns.wait(container.name), patience)
            await self._ask(container, deadline, patience)
        finally:
            turns.over(container.name)
            patience.leave()

    async def _before_stop(self, container: Container, deadline: Deadline, patience: "Patience") -> None:
        """Do what a container wants done before it is asked to end, as far as there is time."""
        pod = self._worker.pod
        found = find_container(pod["spec"], container.name)
        hook = ((found[1].get("lifecycle") or {}) if found is not None else {}).get("preStop")
        if found is None or hook is None or deadline.left_s() <= 0:
            return
        runner, address = self._kubelet.hook_runner, self._worker.address
        try:
            told = await deadline.wait_for(runner.run(hook, pod, found[1], container.id, address), patience)
            if told:
                self._worker.tell("Warning", FALLBACK, told)
        except HookFailed as error:
            _log.info("pod %s: %s", pod["metadata"]["name"], error)
            self._worker.tell_of(container.name, "Warning", "FailedPreStopHook", "PreStopHook failed")

    async def _ask(self, container: Container, deadline: Deadline, patience: "Patience") -> None:
        """Ask a container to end, and again when it has less time than it was told."""
        runtime = self._kubelet.runtime
        async with TaskScope() as scope:
            while True:
                given_s = float(max(math.ceil(deadline.left_s()), _LEAST_S))
                stopping = scope.start(outcome(runtime.stop_container(container.id, given_s)), name="ask to end")
                shorter = scope.start(deadline.moved(), name="less time")
                with patience.waiting():
                    await asyncio.wait({stopping, shorter}, return_when=asyncio.FIRST_COMPLETED)
                if stopping.done():
                    failure = await stopping
                    if failure is not None:
                        raise failure
                    return


class Turns:
    """Whose turn it is to end: sidecars wait for all containers, and for the sidecars that started after them."""

    def __init__(self, spec: Mapping[str, Any], running: Collection[str]) -> None:
        self._over = {name: asyncio.Event() for name in running}
        self._before: dict[str, list[str]] = {}
        later = [container["name"] for container in spec["containers"]]
        for container in reversed(spec.get("initContainers") or ()):
            if is_sidecar(container):
                self._before[container["name"]] = list(later)
                later.append(container["name"])

    def must_wait(self, name: str) -> bool:
        """Tell whether something must end before a container."""
        return any(not self._over[other].is_set() for other in self._before.get(name, ()) if other in self._over)

    async def wait(self, name: str) -> None:
        """Return when all that must end before have ended."""
        for other in self._before.get(name, ()):
            if other in self._over:
                await self._over[other].wait()

    def over(self, name: str) -> None:
        """Hear that a container has ended."""
        if name in self._over:
            self._over[name].set()
