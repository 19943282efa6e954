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
from podbay.cri.runtime import Container, ContainerState, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.actions import Plan
from podbay.kubelet.active_deadline import DEADLINE_EXCEEDED, active_left_s
from podbay.kubelet.admission import has_finished
from podbay.kubelet.execute import Ending, Executor
from podbay.kubelet.last_words import last_words
from podbay.kubelet.news import asks_otherwise, tells_otherwise
from podbay.kubelet.observed import Observed, observed
from podbay.kubelet.patience import Patience
from podbay.kubelet.plan import plan
from podbay.kubelet.resizer import Resizer
from podbay.kubelet.status import Circumstances, pod_status
from podbay.kubelet.stopping import Stopper
from podbay.lib.backoff import Backoff
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)

_RETRY: Final = Backoff(base_s=1.0, cap_s=60.0)
_RESIZE_AGAIN_S: Final = 10.0
_WRITE_AGAIN: Final = Backoff(base_s=0.5, cap_s=10.0)


class Worker:
    """See the module. ``run`` until the pod is gone from the node."""

    def __init__(self, kubelet: "Kubelet", pod: Object, *, is_static: bool = False) -> None:
        self._kubelet = kubelet
        self.is_static = is_static  # a file of the node says it: the API server only shows its mirror
        self.uid: str = pod["metadata"]["uid"]
        self.pod = self._wanted = pod
        self.resizer = Resizer(kubelet, self.uid)
        self.removed = False
        self._is_new = True
        self.woken = asyncio.Event()
        self.ending = asyncio.Event()
        self._held = False
        self._is_parked = False
        self._oom: set[str] = set()
        self._messages: dict[str, str] = {}
        self._failures = 0
        self._unwritten = 0
        self._failure: tuple[str, str] | None = None
        self._eviction: tuple[str, str] | None = None
        self._most_grace_s: float | None = None
        self._is_disruption = False
        self._executor = Executor(kubelet, self)
        self.stopper = Stopper(kubelet, self)
        self._due = TaskScope()
        self._has_resized = False
        self.take(pod)

    @property
    def is_taken(self) -> bool:
        """Tell whether the pod takes something of the node: it was not refused, and has not ended."""
        return self._failure is None and not has_finished(self.pod)

    @property
    def is_evictable(self) -> bool:
        """Tell whether the pod has something to lose: it was taken, and is not about to leave anyway.

        A static pod is one that the node cannot do without.
        """
        return not self.is_static and self.is_taken and self._eviction is None and not self.ending.is_set()

    def evict(self, message: str, *, grace_s: float, is_disruption: bool = False) -> None:
        """Have the pod end for good, within so much time at the most, and tell why.

        It is a disruption if that is for the node's sake, not for what the pod has done.
        """
        self._eviction = ("Evicted", message)
        self._is_disruption = is_disruption
        self._most_grace_s = grace_s
        self.tell("Warning", *self._eviction)
        self.ending.set()
        self.wake()

    def wake(self) -> None:
        """Have a step taken soon; until then the pod is work in hand."""
        if not self._is_parked:
            self.hold()
        self.woken.set()

    def take(self, pod: Object) -> None:
        """Take a newer version of the pod."""
        self._keep(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self.ending.set()
        self.wake()

    def _keep(self, pod: Object) -> None:
        """Keep a version of the pod: as it is wanted, and with what was allocated to it, as everybody here sees it."""
        was_over = has_finished(self.pod)
        self._wanted = pod
        self.pod = self._kubelet.allocations.applied(pod)
        if has_finished(pod) and not was_over:
            self._kubelet.room.made()

    def hear(self, pod: Object) -> None:
        """Take a newer version of the pod; only if it asks for something else there is something to do.

        Or if somebody else has told other things of it than we did, as the node's controller does of a silent node.
        """
        if asks_otherwise(pod, self._wanted) or tells_otherwise(pod, self._wanted):
            self.take(pod)
        else:
            self._keep(pod)

    def remove(self) -> None:
        """Hear that the API server has forgotten the pod."""
        self.removed = True
        self.ending.set()
        self.wake()

    def ended(self, container_id: str, *, oom: bool) -> None:
        """Hear that one of the pod's containers ended, or ran out of memory."""
        if oom:
            self._oom.add(container_id)
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

    def hold(self) -> None:
        """Say that there is work in hand for the pod."""
        if not self._held:
            self._held = True
            self._kubelet.activity.begin("pod worker")

    def release(self) -> None:
        """Say that there is none: the pod only waits."""
        if self._held:
            self._held = False
            self._kubelet.activity.end("pod worker")

    def park(self) -> None:
        """Say that the step under way only waits: whatever wakes the worker now has to wait as well."""
        self._is_parked = True
        self.release()

    def unpark(self) -> None:
        """Say that the step goes on."""
        self._is_parked = False
        self.hold()

    def patience(self, count: int) -> Patience:
        """Return what tells whether so many pieces of work at once all only wait."""
        return Patience(count, self.unpark, self.park)

    async def run(self) -> None:
        """Take steps until nothing of the pod is left here."""
        try:
            while True:
                await self.woken.wait()
                self.woken.clear()
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
                    _log.warning("pod %s: %s", self._name, error)
                except Exception:
                    again_s = self._retry_s()
                    _log.exception("pod %s", self._name)
                if not self.woken.is_set():
                    self.release()
                if again_s is not None:
                    await self._due.close()
                    self._due.start(self._wake_after(again_s), name="pod due")
        finally:
            await self._due.close()
            self.release()

    @property
    def _name(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    def _retry_s(self) -> float:
        self._failures += 1
        return _RETRY.delay_s(self._failures)

    async def _wake_after(self, seconds: float) -> None:
        await self._kubelet.clock.sleep(seconds)
        self.wake()

    async def _step(self) -> tuple[bool, float | None]:
        """Take one step; return whether the pod is gone, and when to look again."""
        seen = await self._look()
        if self.removed:
            if seen.running:
                await self.stopper.kill(seen, seen.sandboxes)
                seen = await self._look()
            await self._clean_up(seen)
            return True, None
        if "deletionTimestamp" in self.pod["metadata"]:
            return False, await self._terminate(seen)
        if has_finished(self.pod):
            await self._finish(seen)
            await self._kubelet.volumes.tear_down(self.uid)
            return False, await self.write(seen) if self.is_static else None
        if self._eviction is not None:
            return False, await self._exceed(seen)
        if self._failure is None and seen.is_nothing:
            self._failure = await self._kubelet.room.refusal(self.pod, is_static=self.is_static)
            if self._failure is not None:
                self.tell("Warning", *self._failure)
        if self._failure is not None:
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
        self.resizer.allocate(self._wanted)
        self._keep(self._wanted)
        if self.resizer.is_in_progress and not was_in_progress:
            await self.write(seen)

    async def _exceed(self, seen: Observed) -> float | None:
        """End a pod that has been active for as long as it may."""
        if self._eviction is None:
            self._eviction = DEADLINE_EXCEEDED
            self.tell("Normal", *DEADLINE_EXCEEDED)
        await self._finish(seen)
        return await self.write(await self._look())

    async def _look(self) -> Observed:
        observer = self._kubelet.observer
        is_new, self._is_new = self._is_new, False
        seen = Observed() if is_new and observer.has_nothing(self.uid) else await observer.pod(self.uid)
        if self._kubelet.config.is_real:
            for container in seen.containers:
                if container.state is ContainerState.EXITED and container.id not in self._messages:
                    self._messages[container.id] = last_words(
                        self._kubelet.files, self._kubelet.config.log_root, self.pod, container
                    )
        self._follow(seen)
        return seen

    def _follow(self, seen: Observed) -> None:
        """Have the containers probed that run now."""
        if has_finished(self.pod) or self._failure is not None:
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
                await self._kubelet.remove_container(self.uid, container)
                self._messages.pop(container.id, None)
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

    async def _terminate(self, seen: Observed) -> float | None:
        """End a pod that is being deleted: stop, tell, and let the API server forget it."""
        await self.stopper.kill(seen, [seen.sandbox] if seen.sandbox is not None else [])
        if seen.running:
            seen = await self._look()
        await self._kubelet.volumes.tear_down(self.uid)
        again_s = await self.write(seen)
        if again_s is None and not self.removed:
            await self._kubelet.delete_pod(self.pod)
        return again_s

    async def _clean_up(self, seen: Observed) -> None:
        """Remove everything of a pod that the API server has forgotten."""
        kubelet = self._kubelet
        kubelet.prober.forget(self.uid)
        kubelet.volumes.forget(self.uid)
        for sandbox in seen.sandboxes:
            await kubelet.runtime.stop_sandbox(sandbox.id)
            await kubelet.runtime.remove_sandbox(sandbox.id)
        for container in seen.containers:
            await kubelet.runtime.remove_container(container.id)
        if kubelet.config.is_real:
            await asyncio.to_thread(kubelet.remove_files, self.pod)
            cgroups.remove(sandboxes.cgroup_of(kubelet.config, self.uid))

    async def show(self) -> None:
        """Write the status as it is now, if the runtime tells."""
        with suppress(RuntimeFailure):
            await self.write(await self._look())

    async def write(self, seen: Observed) -> float | None:
        """Write the status; return when to try again if the API server would not have it."""
        kubelet = self._kubelet
        kubelet.runtime_events.own(self.uid, seen)
        self._follow(seen)
        references = {c.image_ref for c in seen.containers if c.image_ref}
        about = Circumstances(
            now=format_time(kubelet.clock.now()),
            host_ip=kubelet.config.address,
            runtime_name=kubelet.runtime_name,
            waiting=self._executor.waiting,
            image_ids={reference: await kubelet.images.shown(reference) for reference in references},
            messages=self._messages,
            oom_killed=frozenset(self._oom),
            healths=kubelet.prober.healths(self.uid),
            recursive_read_only=await self._can_recursive_read_only(seen),
            failure=self._failure,
            eviction=self._eviction,
            is_disruption=self._is_disruption,
            actual=self.resizer.actual(seen),
            resize=self.resizer.state,
        )
        status = pod_status(self.pod, seen, about)
        try:
            if self.is_static:
                self._keep({**self._wanted, "status": status})  # nobody else keeps it
                await kubelet.static_pods.tell(self.pod, status)
                written = None
            else:
                written = await kubelet.status_writer.write(self.pod, status)
        except (StatusError, TransportError) as error:
            self._unwritten += 1
            _log.log(logging.WARNING if self._unwritten == 1 else logging.DEBUG, "status of %s: %s", self._name, error)
            return _WRITE_AGAIN.delay_s(self._unwritten)
        self._unwritten = 0
        if written is not None and not self.removed:
            newer = int(written["metadata"]["resourceVersion"]) > int(self.pod["metadata"]["resourceVersion"])
            if newer and asks_otherwise(written, self._wanted):
                self.take(written)
            elif newer:
                self._keep(written)  # its watch event will be no news any more
        return None

    async def _can_recursive_read_only(self, seen: Observed) -> bool:
        """Tell whether the pod's handler can mount so: the one that its sandbox was made with, or will be made with."""
        try:
            handler = seen.sandboxes[0].handler if seen.sandboxes else await self._executor.handler()
        except sandboxes.HandlerUnknown:
            return False
        return self._kubelet.heartbeat.info.can_recursive_read_only(handler)


def _least(*seconds: float | None) -> float | None:
    return min((some for some in seconds if some is not None), default=None)
