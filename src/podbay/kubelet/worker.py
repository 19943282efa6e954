"""One pod's worker: looks, plans, acts, tells; again whenever something happened.

Takes the pod, as the API server has it or a file of the node says, and the runtime's view; acts through ``execute`` and
writes the status. Known by uid, so a pod of the same name that comes later is another one.
Invariant: one step at a time per pod; every step begins with what the runtime has, so a kubelet that starts again goes
on where it was; an API server that does not answer holds no step up.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from podbay.api.errors import StatusError
from podbay.api.pod_containers import find_container
from podbay.client.rest import Object
from podbay.client.transport import TransportError
from podbay.cri.runtime import Container, RuntimeFailure
from podbay.kubelet import preemption
from podbay.kubelet.actions import Plan
from podbay.kubelet.active_deadline import DEADLINE_EXCEEDED, active_left_s
from podbay.kubelet.admission import has_finished
from podbay.kubelet.execute import Ending, Executor
from podbay.kubelet.news import asks_otherwise, tells_otherwise
from podbay.kubelet.observed import Observed, observed
from podbay.kubelet.patience import Patience
from podbay.kubelet.plan import plan
from podbay.kubelet.reporting import Reporter
from podbay.kubelet.resizer import Resizer
from podbay.kubelet.stopping import Stopper
from podbay.kubelet.waking import Waking
from podbay.lib.backoff import Backoff
from podbay.lib.tasks import TaskScope

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)

_RETRY: Final = Backoff(base_s=1.0, cap_s=60.0)
_RESIZE_AGAIN_S: Final = 10.0


class Worker:
    """See the module. ``run`` until the pod is gone from the node."""

    def __init__(self, kubelet: "Kubelet", pod: Object, *, is_static: bool = False) -> None:
        self._kubelet = kubelet
        self.is_static = is_static  # a file of the node says it: the API server only shows its mirror
        self.uid: str = pod["metadata"]["uid"]
        self.pod = self.wanted = pod
        self.resizer = Resizer(kubelet, self.uid)
        self.removed = False
        self._is_new = True
        self.waking = Waking(kubelet.clock, kubelet.activity, "pod worker")
        self.ending = asyncio.Event()
        self._failures = 0
        self.failure: tuple[str, str] | None = None  # why the node refused it: (reason, message)
        self.eviction: tuple[str, str] | None = None  # why it is ended for good: (reason, message)
        self.disruption: str | None = None  # what is told of it, if it is not for what the pod has done
        self.has_stopped = False  # it was ended, and nothing of it runs any more
        self._most_grace_s: float | None = None
        self._executor = Executor(kubelet, self)
        self._reporter = Reporter(kubelet, self, self._executor)
        self.stopper = Stopper(kubelet, self)
        self._has_resized = False
        self.take(pod)

    @property
    def is_taken(self) -> bool:
        """Tell whether the pod takes something of the node: it was not refused, and has not ended."""
        return self.failure is None and not self.has_stopped and not has_finished(self.pod)

    @property
    def is_evictable(self) -> bool:
        """Tell whether the pod has something to lose: it was taken, and is not about to leave anyway.

        A static pod is one that the node cannot do without.
        """
        return not self.is_static and self.is_taken and self.eviction is None and not self.ending.is_set()

    def evict(self, message: str, *, grace_s: float, is_disruption: bool = False) -> None:
        """Have the pod end for good, within so much time at the most, and tell why.

        It is a disruption if that is for the node's sake, not for what the pod has done.
        """
        self._most_grace_s = grace_s
        self._end("Evicted", message, message if is_disruption else None)

    def preempt(self) -> None:
        """Have the pod end for good, in its own time, for the sake of a pod that the node cannot do without."""
        self._end(preemption.REASON, preemption.MESSAGE, preemption.DISRUPTION)

    def _end(self, reason: str, message: str, disruption: str | None) -> None:
        self.eviction, self.disruption = (reason, message), disruption
        self.tell("Warning", *self.eviction)
        self.ending.set()
        self.wake()

    def wake(self) -> None:
        """Have a step taken soon; until then the pod is work in hand."""
        self.waking.wake()

    def take(self, pod: Object) -> None:
        """Take a newer version of the pod."""
        self.keep(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self.ending.set()
        self.wake()

    def keep(self, pod: Object) -> None:
        """Keep a version of the pod: as it is wanted, and with what was allocated to it, as everybody here sees it."""
        was_over = has_finished(self.pod)
        self.wanted = pod
        self.pod = self._kubelet.allocations.applied(pod)
        if has_finished(pod) and not was_over:
            self._kubelet.room.made()

    def hear(self, pod: Object) -> None:
        """Take a newer version of the pod; only if it asks for something else there is something to do.

        Or if somebody else has told other things of it than we did, as the node's controller does of a silent node.
        """
        if asks_otherwise(pod, self.wanted) or tells_otherwise(pod, self.wanted):
            self.take(pod)
        else:
            self.keep(pod)

    def hear_back(self, written: Object) -> None:
        """Take the pod as the answer to a status brings it."""
        if self.removed:
            return
        newer = int(written["metadata"]["resourceVersion"]) > int(self.pod["metadata"]["resourceVersion"])
        if newer and asks_otherwise(written, self.wanted):
            self.take(written)
        elif newer:
            self.keep(written)  # its watch event will be no news any more

    def remove(self) -> None:
        """Hear that the API server has forgotten the pod."""
        self.removed = True
        self.ending.set()
        self.wake()

    def ended(self, container_id: str, *, oom: bool) -> None:
        """Hear that one of the pod's containers ended, or ran out of memory."""
        if oom:
            self._reporter.ran_out_of_memory(container_id)
        else:
            self.wake()

    def tell(self, kind: str, reason: str, message: str, path: str = "") -> None:
        """Record an event about the pod, or about the container at ``path``."""
        self._kubelet.events.event(self.pod, kind, reason, message, field_path=path)

    def tell_of(self, container: str, kind: str, reason: str, message: str) -> None:
        """Record an event about one of the pod's containers."""
        found = find_container(self.pod["spec"], container)
        self.tell(kind, reason, message, f"spec.{found[0]}{{{container}}}" if found is not None else "")

    def grace_s(self) -> float:
        """Return how long containers have between being asked to end and being killed."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        period = metadata.get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30))
        return max(float(period if self._most_grace_s is None else min(period, self._most_grace_s)), 1.0)

    def patience(self, count: int) -> Patience:
        """Return what tells whether so many pieces of work at once all only wait."""
        return Patience(count, self.waking.unpark, self.waking.park)

    async def run(self) -> None:
        """Take steps until nothing of the pod is left here."""
        try:
            while True:
                await self.waking.wait()
                again_s: float | None = None
                try:
                    done, again_s = await self._step()
                    self._failures = 0
                    if done:
                        return
                except Ending:
                    self.wake()
                except (RuntimeFailure, StatusError, TransportError, OSError) as error:
                    again_s = self._retry_s()
                    _log.warning("pod %s: %s", self.name, error)
                except Exception:
                    again_s = self._retry_s()
                    _log.exception("pod %s", self.name)
                await self.waking.rest(again_s)
        finally:
            await self.waking.close()

    @property
    def name(self) -> str:
        """Return ``namespace/name``."""
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    def _retry_s(self) -> float:
        self._failures += 1
        return _RETRY.delay_s(self._failures)

    async def _step(self) -> tuple[bool, float | None]:
        """Take one step; return whether the pod is gone, and when to look again."""
        seen = await self._look()
        if self.removed:
            if seen.running:
                await self.stopper.kill(seen, seen.sandboxes)
                seen = await self._look()
            await self._kubelet.remover.remove_pod(self.pod, seen)
            return True, None
        if "deletionTimestamp" in self.pod["metadata"]:
            return False, await self._terminate(seen)
        if has_finished(self.pod):
            await self._finish(seen)
            await self._kubelet.volumes.tear_down(self.uid)
            return False, await self.write(seen) if self.is_static else None
        if self.eviction is not None:
            return False, await self._exceed(seen)
        if self.failure is None and seen.is_nothing:
            self.failure = await self._kubelet.room.refusal(self)
            if self.failure is not None:
                self.tell("Warning", *self.failure)
            elif (wait_s := self._kubelet.room.wait_s(self.uid)) is not None:
                return False, wait_s
        if self.failure is not None:
            return False, await self.write(seen)
        await self._allocate(seen)
        volumes = await self._kubelet.volumes.set_up(self.pod)
        for message in volumes.told:
            self.tell("Warning", "FailedMount", message)
        if not volumes.is_ready:
            return False, _least(volumes.again_s, await self.write(seen))
        now, healths = self._kubelet.clock.monotonic(), self._kubelet.prober.healths(self.uid)
        active_s = active_left_s(self.pod, self._executor.moments, now)
        if active_s is not None and active_s <= 0:
            return False, await self._exceed(seen)
        actual = self.resizer.actual(seen)
        todo = plan(self.pod, seen, self._executor.backoffs, now, healths, self._executor.ended_at, actual)
        seen, again = await self._act(todo, seen)
        unwritten_s = await self.write(seen)
        if unwritten_s is not None:
            again.append(unwritten_s)
        elif self._has_resized:
            self._has_resized = False
            self._kubelet.room.made()
        return False, _least(volumes.again_s, active_s, *again)

    async def _allocate(self, seen: Observed) -> None:
        """Have allocated what the pod wants, and tell when something is to change."""
        was_in_progress = self.resizer.is_in_progress
        self.resizer.allocate(self.wanted)
        self.keep(self.wanted)
        if self.resizer.is_in_progress and not was_in_progress:
            await self.write(seen)

    async def _exceed(self, seen: Observed) -> float | None:
        """End a pod that has been active for as long as it may."""
        if self.eviction is None:
            self.eviction = DEADLINE_EXCEEDED
            self.tell("Normal", *DEADLINE_EXCEEDED)
        await self._finish(seen)
        self._stopped()
        return await self.write(await self._look())

    async def _look(self) -> Observed:
        observer = self._kubelet.observer
        is_new, self._is_new = self._is_new, False
        seen = Observed() if is_new and observer.has_nothing(self.uid) else await observer.pod(self.uid)
        self._reporter.listen(seen)
        self._follow(seen)
        return seen

    def _follow(self, seen: Observed) -> None:
        """Have the containers probed that run now."""
        if has_finished(self.pod) or self.failure is not None:
            self._kubelet.prober.forget(self.uid)
            return
        self._kubelet.prober.follow(self, seen, self.address_in(seen))

    @property
    def address(self) -> str:
        """Return the address that the API server knows the pod by, or nothing."""
        return str((self.pod.get("status") or {}).get("podIP", ""))

    def address_in(self, seen: Observed) -> str:
        """Return the pod's address, or nothing if it has none now."""
        if self.pod["spec"].get("hostNetwork"):
            return self._kubelet.config.address
        return next(iter(seen.sandbox.ips), "") if seen.sandbox is not None else ""

    async def _act(self, todo: Plan, seen: Observed) -> tuple[Observed, list[float]]:
        """Do what was planned; return what is there then, and when to look again.

        Raises Ending, RuntimeFailure, TransportError.
        """
        executor = self._executor
        executor.note_waiting(todo.waiting, seen)
        again = [waiting.left_s for waiting in todo.waiting]
        is_sure = not (todo.kill or todo.stop or todo.remove or todo.is_over)
        if todo.kill:
            if todo.sandbox_changed:
                self.tell("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            await self.stopper.kill(seen, seen.sandboxes)
        if todo.sandbox_attempt is not None:
            async with TaskScope() as scope:
                told = scope.start(self.write(seen), name="tell what is coming")
                try:
                    seen = await executor.make_sandbox(todo.sandbox_attempt, seen)
                finally:
                    await told
        for stop in todo.stop:
            await self.stopper.stop_one(stop, seen)
        if self.resizer.is_in_progress and seen.sandbox is not None and not todo.is_over:
            is_sure = False
            self._has_resized = await self.resizer.actuate(self.pod, seen, {stop.id for stop in todo.stop})
            again += [] if self._has_resized else [_RESIZE_AGAIN_S]
        made: list[Container] = []
        secrets = await executor.pull_secrets() if todo.start else []
        for start in todo.start:
            outcome = await executor.start(start, seen, secrets)
            is_sure = is_sure and outcome.made is not None
            made += [outcome.made] if outcome.made else []
            again += [outcome.retry_s] if outcome.retry_s is not None else []
        for container in seen.containers:
            if container.id in todo.remove:
                await self._kubelet.remover.remove_container(self.uid, container)
                self._reporter.forget(container.id)
        if todo.is_over:
            await self._finish(seen)
        if made and self.pod["spec"].get("initContainers"):
            self.wake()  # the next one's turn may have come
        if is_sure:
            return observed(seen.sandboxes, [*made, *seen.containers]), again
        return await self._look(), again

    async def _finish(self, seen: Observed) -> None:
        """Stop what still runs of a pod that has nothing to do any more, and its sandbox."""
        await self.stopper.kill(seen, [seen.sandbox] if seen.sandbox is not None else [])

    def _stopped(self) -> None:
        """Let go on who waits for the room that the pod had, whether or not the API server hears of it."""
        if not self.has_stopped:
            self.has_stopped = True
            self._kubelet.room.made()

    async def _terminate(self, seen: Observed) -> float | None:
        """End a pod that is being deleted: stop, tell, and let the API server forget it."""
        await self.stopper.kill(seen, [seen.sandbox] if seen.sandbox is not None else [])
        self._stopped()
        if seen.running:
            seen = await self._look()
        await self._kubelet.volumes.tear_down(self.uid)
        again_s = await self.write(seen)
        if again_s is None and not self.removed:
            await self._kubelet.delete_pod(self.pod)
        return again_s

    async def show(self) -> None:
        """Write the status as it is now, if the runtime tells."""
        with suppress(RuntimeFailure):
            await self.write(await self._look())

    async def write(self, seen: Observed) -> float | None:
        """Write the status; return when to try again if the API server would not have it."""
        self._kubelet.runtime_events.own(self.uid, seen)
        self._follow(seen)
        return await self._reporter.write(seen)


def _least(*seconds: float | None) -> float | None:
    return min((some for some in seconds if some is not None), default=None)
