"""One pod's worker: looks, plans, acts, tells; again whenever something happened.

Takes the pod as the API server has it and the runtime's view; acts through the runtime and writes the status. Known by
uid, so a pod of the same name that comes later is another one.
Invariant: one step at a time per pod; every step begins with what the runtime has, so a kubelet that starts again goes
on where it was.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from podbay.api.errors import StatusError
from podbay.client.rest import Object
from podbay.client.transport import TransportError
from podbay.cri.runtime import Container, ContainerState, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.environment import ConfigurationError, environment, expand_all
from podbay.kubelet.images import PullProblem
from podbay.kubelet.observed import Observed
from podbay.kubelet.plan import Plan, StartContainer, plan
from podbay.kubelet.resources import linux_resources
from podbay.kubelet.status import Circumstances, pod_status
from podbay.lib.backoff import Backoff
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)

_RETRY: Final = Backoff(base_s=1.0, cap_s=60.0)


class Worker:
    """See the module. ``run`` until the pod is gone from the node."""

    def __init__(self, kubelet: "Kubelet", pod: Object) -> None:
        self._kubelet = kubelet
        self.uid: str = pod["metadata"]["uid"]
        self.pod = pod
        self.removed = False
        self._wake = asyncio.Event()
        self._held = False
        self._backoffs = Backoffs()
        self._waiting: dict[str, tuple[str, str]] = {}
        self._oom: set[str] = set()
        self._messages: dict[str, str] = {}
        self._failures = 0
        self._killing: set[str] = set()
        self._failure: tuple[str, str] | None = None
        self._due = TaskScope()
        self.wake()

    def wake(self) -> None:
        """Have a step taken soon; until then the pod is work in hand."""
        if not self._held:
            self._held = True
            self._kubelet.activity.begin("pod worker")
        self._wake.set()

    def take(self, pod: Object) -> None:
        """Take a newer version of the pod."""
        self.pod = pod
        self.wake()

    def ended(self, container_id: str, *, oom: bool) -> None:
        """Hear that one of the pod's containers ended, or ran out of memory."""
        if oom:
            self._oom.add(container_id)
        else:
            self.wake()

    async def run(self) -> None:
        """Take steps until nothing of the pod is left here."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                again_s: float | None = None
                try:
                    done, again_s = await self._step()
                    self._failures = 0
                    if done:
                        return
                except (RuntimeFailure, StatusError, TransportError, OSError) as error:
                    self._failures += 1
                    again_s = _RETRY.delay_s(self._failures)
                    _log.warning("pod %s: %s", self._name, error)
                except Exception:
                    self._failures += 1
                    again_s = _RETRY.delay_s(self._failures)
                    _log.exception("pod %s", self._name)
                if not self._wake.is_set():
                    self._release()
                if again_s is not None:
                    await self._due.close()
                    self._due.start(self._wake_after(again_s), name="pod due")
        finally:
            await self._due.close()
            self._release()

    @property
    def _name(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    async def _wake_after(self, seconds: float) -> None:
        await self._kubelet.clock.sleep(seconds)
        self.wake()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._kubelet.activity.end("pod worker")

    async def _step(self) -> tuple[bool, float | None]:
        """Take one step; return whether the pod is gone, and when to look again."""
        seen = await self._kubelet.observer.pod(self.uid)
        self._read_messages(seen)
        metadata = self.pod["metadata"]
        if self.removed:
            await self._stop_all(seen, self._grace_s())
            await self._clean_up(await self._kubelet.observer.pod(self.uid))
            return True, None
        phase = (self.pod.get("status") or {}).get("phase")
        if "deletionTimestamp" in metadata:
            return await self._terminate(seen)
        if phase in ("Succeeded", "Failed"):
            await self._stop_all(seen, self._grace_s())
            if seen.sandbox is not None:
                await self._kubelet.runtime.stop_sandbox(seen.sandbox.id)
            return False, None
        if self._failure is None:
            self._failure = self._kubelet.admit(self.pod, seen)
            if self._failure is not None:
                self._tell("Warning", self._failure[0], self._failure[1])
        if self._failure is not None:
            await self._write(seen)
            return False, None
        now = self._kubelet.clock.now().timestamp()
        todo = plan(self.pod, seen, self._backoffs, now)
        self._note_waiting(todo, seen)
        again_s = await self._act(todo, seen)
        seen = await self._kubelet.observer.pod(self.uid)
        self._read_messages(seen)
        await self._write(seen)
        return False, again_s

    async def _act(self, todo: Plan, seen: Observed) -> float | None:
        """Do what was planned; return when to look again."""
        runtime = self._kubelet.runtime
        again = [waiting.left_s for waiting in todo.waiting]
        if todo.kill:
            if todo.sandbox_changed:
                self._tell("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
            await self._stop_all(seen, self._grace_s())
            for old in seen.sandboxes:
                await runtime.stop_sandbox(old.id)
        if todo.sandbox_attempt is not None:
            await self._write(seen)
            seen = await self._make_sandbox(todo.sandbox_attempt, seen)
        for start in todo.start:
            left = await self._start(start, seen)
            if left is not None:
                again.append(left)
        for container_id in todo.remove:
            await runtime.remove_container(container_id)
        if todo.stop_sandbox and seen.sandbox is not None:
            await runtime.stop_sandbox(seen.sandbox.id)
        return min(again) if again else None

    async def _make_sandbox(self, attempt: int, seen: Observed) -> Observed:
        kubelet = self._kubelet
        config = sandboxes.sandbox_config(self.pod, kubelet.config, attempt)
        try:
            if kubelet.config.is_real:
                await asyncio.to_thread(kubelet.files.prepare, self.pod)
                sandboxes.log_directory(kubelet.config.log_root, self.pod).mkdir(parents=True, exist_ok=True)
            sandbox_id = await kubelet.runtime.run_sandbox(config)
        except (RuntimeFailure, OSError) as error:
            self._tell("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            raise
        for old in seen.sandboxes:
            await kubelet.runtime.remove_sandbox(old.id)
        sandbox = await kubelet.runtime.sandbox_status(sandbox_id)
        if kubelet.config.is_real:
            kubelet.files.write_hosts(self.pod, sandbox.ips, sandboxes.hostname_of(self.pod))
        return Observed((sandbox,), seen.containers)

    async def _start(self, start: StartContainer, seen: Observed) -> float | None:
        """Start a container; return when to try again if it could not be."""
        kubelet, name = self._kubelet, start.name
        container = next(c for c in self.pod["spec"]["containers"] if c["name"] == name)
        sandbox = seen.sandbox
        assert sandbox is not None
        path = f"spec.containers{{{name}}}"

        def tell(kind: str, reason: str, message: str) -> None:
            self._tell(kind, reason, message, path)

        newest = seen.newest(name)
        now = kubelet.clock.now().timestamp()
        try:
            image = await kubelet.images.ensure(self.pod, container, tell)
        except PullProblem as problem:
            self._waiting[name] = (problem.reason, problem.message)
            if problem.reason != "ImagePullBackOff":
                tell("Warning", "Failed", f"Error: {problem.reason}")
            else:
                tell("Warning", "Failed", "Error: ImagePullBackOff")
            return max(problem.retry_s, 0.05)
        try:
            config = await self._container_config(container, start.attempt, image, seen)
        except ConfigurationError as error:
            self._waiting[name] = ("CreateContainerConfigError", str(error))
            tell("Warning", "Failed", f"Error: {error}")
            return 10.0
        if newest is not None and newest.state is ContainerState.EXITED:
            self._backoffs.next(name, newest.finished_at / 1e9, now)
        sandbox_config = sandboxes.sandbox_config(self.pod, kubelet.config, sandbox.attempt)
        if newest is not None and newest.state is ContainerState.CREATED:
            await kubelet.runtime.remove_container(newest.id)
        try:
            container_id = await kubelet.runtime.create_container(sandbox.id, config, sandbox_config)
        except RuntimeFailure as error:
            if error.code == "UNAVAILABLE":
                raise
            self._waiting[name] = ("CreateContainerError", error.message)
            tell("Warning", "Failed", f"Error: {error.message}")
            return 10.0
        tell("Normal", "Created", f"Created container: {name}")
        try:
            await kubelet.runtime.start_container(container_id)
        except RuntimeFailure as error:
            if error.code == "UNAVAILABLE":
                raise
            tell("Warning", "Failed", f"Error: {error.message}")
            self._waiting[name] = ("RunContainerError", error.message)
            if newest is None:
                self._backoffs.next(name, now, now)
            return 0.05
        tell("Normal", "Started", f"Started container {name}")
        self._waiting.pop(name, None)
        return None

    async def _container_config(self, container: Mapping[str, Any], attempt: int, image: str, seen: Observed) -> Any:
        kubelet = self._kubelet
        status = {
            "hostIP": kubelet.config.address,
            "hostIPs": [{"ip": kubelet.config.address}],
        }
        ips = seen.sandbox.ips if seen.sandbox is not None else []
        if self.pod["spec"].get("hostNetwork"):
            ips = [kubelet.config.address]
        if ips:
            status |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}

        async def fetch(kind: str, name: str) -> Object | None:
            return await kubelet.fetch(kind, self.pod["metadata"]["namespace"], name)

        envs = await environment(container, self.pod, status, fetch)
        values = dict(envs)
        mounts = kubelet.files.mounts(self.pod, container, attempt) if kubelet.config.is_real else []
        return sandboxes.container_config(
            self.pod,
            container,
            attempt,
            image=image,
            command=expand_all(container.get("command") or (), values),
            args=expand_all(container.get("args") or (), values),
            envs=envs,
            mounts=mounts,
            resources=linux_resources(self.pod, container, kubelet.memory_bytes),
        )

    async def _terminate(self, seen: Observed) -> tuple[bool, float | None]:
        """End a pod that is being deleted: stop, tell, and let the API server forget it."""
        if seen.running:
            await self._stop_all(seen, self._grace_s())
            seen = await self._kubelet.observer.pod(self.uid)
            self._read_messages(seen)
        if seen.sandbox is not None:
            await self._kubelet.runtime.stop_sandbox(seen.sandbox.id)
        await self._write(seen)
        await self._kubelet.delete_pod(self.pod)
        return False, None

    async def _stop_all(self, seen: Observed, grace_s: float) -> None:
        """Stop every container that runs, all at once; return when all have ended."""
        async with TaskScope() as scope:
            stops = []
            for container in seen.running:
                if container.id not in self._killing:
                    self._killing.add(container.id)
                    self._tell(
                        "Normal",
                        "Killing",
                        f"Stopping container {container.name}",
                        f"spec.containers{{{container.name}}}",
                    )
                stops.append(scope.start(self._stop(container, grace_s), name="stop container"))
            for stop in stops:
                await stop

    async def _stop(self, container: Container, grace_s: float) -> None:
        """Stop one container, and sooner if the grace period is shortened meanwhile."""
        runtime = self._kubelet.runtime
        async with TaskScope() as scope:
            stopping = scope.start(runtime.stop_container(container.id, grace_s), name="stop")
            while not stopping.done():
                shortened = scope.start(self._wake.wait(), name="shortened")
                await asyncio.wait({stopping, shortened}, return_when=asyncio.FIRST_COMPLETED)
                if not shortened.done():
                    shortened.cancel()
                elif not stopping.done():
                    self._wake.clear()
                    if self._grace_s() < grace_s:
                        grace_s = self._grace_s()
                        await runtime.stop_container(container.id, grace_s)
            await stopping

    def _grace_s(self) -> float:
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        period = metadata.get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds", 30))
        return max(float(period), 1.0)

    async def _clean_up(self, seen: Observed) -> None:
        """Remove everything of a pod that the API server has forgotten."""
        kubelet = self._kubelet
        for sandbox in seen.sandboxes:
            await kubelet.runtime.stop_sandbox(sandbox.id)
            await kubelet.runtime.remove_sandbox(sandbox.id)
        for container in seen.containers:
            await kubelet.runtime.remove_container(container.id)
        if kubelet.config.is_real:
            await asyncio.to_thread(kubelet.remove_files, self.pod)
            cgroups.remove(sandboxes.cgroup_of(kubelet.config, self.uid))

    async def _write(self, seen: Observed) -> None:
        kubelet = self._kubelet
        about = Circumstances(
            now=format_time(kubelet.clock.now()),
            host_ip=kubelet.config.address,
            runtime_name=kubelet.runtime_name,
            waiting=self._waiting,
            image_ids=await kubelet.image_ids(seen),
            messages=self._messages,
            oom_killed=frozenset(self._oom),
            failure=self._failure,
        )
        status = pod_status(self.pod, seen, about)
        written = await kubelet.status_writer.write(self.pod, status)
        if written is not None and not self.removed:
            marked = "deletionTimestamp" in written["metadata"]
            if marked and "deletionTimestamp" not in self.pod["metadata"]:
                self.wake()
            self.pod = written

    def _note_waiting(self, todo: Plan, seen: Observed) -> None:
        for waiting in todo.waiting:
            delay = _go_duration(self._backoffs.delay_s(waiting.name))
            metadata = self.pod["metadata"]
            whose = f"{metadata['name']}_{metadata['namespace']}({self.uid})"
            self._waiting[waiting.name] = (
                "CrashLoopBackOff",
                f"back-off {delay} restarting failed container={waiting.name} pod={whose}",
            )
            self._tell(
                "Warning",
                "BackOff",
                f"Back-off restarting failed container {waiting.name} in pod {whose}",
                f"spec.containers{{{waiting.name}}}",
            )
        held = {waiting.name for waiting in todo.waiting}
        for container in seen.running:
            if container.name not in held:
                self._waiting.pop(container.name, None)

    def _read_messages(self, seen: Observed) -> None:
        if not self._kubelet.config.is_real:
            return
        for container in seen.containers:
            if container.state is ContainerState.EXITED and container.id not in self._messages:
                found = self._kubelet.files.termination_message(self.uid, container.name, container.attempt)
                self._messages[container.id] = found

    def _tell(self, kind: str, reason: str, message: str, path: str = "") -> None:
        self._kubelet.events.event(self.pod, kind, reason, message, field_path=path)


def _go_duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60}s"
