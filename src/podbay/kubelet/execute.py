"""Does what was planned for one pod: makes its sandbox and starts its containers.

Takes actions of ``plan``; talks to the runtime, fetches what the environment names, and tells upstream's events. What
keeps a container waiting is remembered for the status.
Invariant: whatever fails is told with upstream's reason, and tried again by a later step.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ ; upstream's event reasons.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from podbay.api.errors import StatusError
from podbay.api.pod_containers import find_container
from podbay.client.rest import Object
from podbay.client.transport import TransportError
from podbay.cri.runtime import Container, ContainerConfig, ContainerState, DnsConfig, Mount, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.actions import StartContainer, StopContainer, Waiting
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.deadline import outcome
from podbay.kubelet.environment import ConfigurationError, environment, expand_all
from podbay.kubelet.hooks import FALLBACK, HookFailed
from podbay.kubelet.images import PullProblem, as_container
from podbay.kubelet.observed import Observed
from podbay.kubelet.pod_names import pod_resolver
from podbay.kubelet.resources import linux_resources, pod_resources
from podbay.kubelet.security import container_security
from podbay.kubelet.service_environment import service_environment
from podbay.kubelet.volumes.mounts import volume_mounts
from podbay.lib.moments import Moments
from podbay.lib.tasks import TaskScope
from podbay.wire.durations import go_duration

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet
    from podbay.kubelet.worker import Worker

_TRY_AGAIN_S: Final = 10.0
_TELL_AGAIN_S: Final = 0.05
_ANSWER_S: Final = 5.0  # what is nearly done is left to finish; what hangs holds no deletion up
Answer = TypeVar("Answer")


class Ending(Exception):
    """The pod is to end: what was being done for it was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a start: the container, if it was made and started; else when to try again."""

    made: Container | None = None
    retry_s: float | None = None


class Executor:
    """See the module. ``waiting``: container -> (reason, message)."""

    def __init__(self, kubelet: "Kubelet", worker: "Worker") -> None:
        self._kubelet = kubelet
        self._worker = worker
        self._killing: set[str] = set()
        self.backoffs = Backoffs()
        self.moments = Moments(kubelet.clock)
        self.waiting: dict[str, tuple[str, str]] = {}

    @property
    def _pod(self) -> Object:
        return self._worker.pod

    def ended_at(self, container: Container) -> float:
        """Return when a container ended, on the clock that never jumps."""
        return self.moments.of(container.name, container.finished_at / 1e9)

    async def make_sandbox(self, attempt: int, seen: Observed) -> Observed:
        """Make the pod's sandbox, removing older ones; return the new view. Raises RuntimeFailure, OSError."""
        kubelet, pod = self._kubelet, self._pod
        dns, cut = pod_resolver(pod, kubelet.config.resolver() if kubelet.config.resolver else DnsConfig())
        for told in cut:
            self._worker.tell("Warning", "DNSConfigForming", told)
        try:
            handler = await self.handler()
            users = kubelet.user_namespaces.of(pod, kubelet.heartbeat.info, handler)
            config = sandboxes.sandbox_config(pod, kubelet.config, attempt, dns, users, handler)
            if kubelet.config.is_real:
                await asyncio.to_thread(kubelet.files.prepare, pod)
                sandboxes.log_directory(kubelet.config.log_root, pod).mkdir(parents=True, exist_ok=True)
                most = max(0, kubelet.config.pod_pids_limit)
                limits = pod_resources(pod, kubelet.page_sizes)
                cgroups.prepare(config.cgroup_parent, limits, most_processes=most)
            async with self._turn(kubelet.sandbox_slots):
                sandbox_id = await self._unless_ending(kubelet.runtime.run_sandbox(config), _ANSWER_S)
        except (RuntimeFailure, OSError) as error:
            self._worker.tell("Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            if isinstance(error, RuntimeFailure):
                await kubelet.mend_sandboxes(error)
            raise
        kept = [c for c in seen.containers if c.state is ContainerState.EXITED]
        for old in seen.sandboxes[1:]:
            await kubelet.runtime.remove_sandbox(old.id)
        sandbox = await kubelet.observer.sandbox(sandbox_id)
        if kubelet.config.is_real:
            kubelet.files.write_hosts(pod, sandbox.ips, kubelet.config.cluster_domain)
        return Observed((sandbox, *seen.sandboxes[:1]), tuple(kept))

    async def handler(self) -> str:
        """Return the runtime's name for the way in which the pod's class is run. Raises HandlerUnknown."""
        name = self._pod["spec"].get("runtimeClassName") or ""
        if not name:
            return ""
        try:
            found = await self._kubelet.named_objects.fetch("runtimeclass", "", name)
        except (StatusError, TransportError) as error:
            raise sandboxes.HandlerUnknown(str(error)) from error
        if found is None:
            raise sandboxes.HandlerUnknown(f'runtimeclass.node.k8s.io "{name}" not found')
        return str(found.get("handler") or "")

    async def pull_secrets(self) -> list[Object]:
        """Return the pod's pull secrets that there are; the others are told."""
        names = [reference.get("name") for reference in self._pod["spec"].get("imagePullSecrets") or ()]
        found, missing = [], []
        for name in filter(None, names):
            try:
                secret = await self._kubelet.named_objects.fetch("secret", self._pod["metadata"]["namespace"], name)
            except (StatusError, TransportError):
                secret = None
            if secret is None:
                missing.append(name)
            else:
                found.append(secret)
        if missing:
            told = f"Unable to retrieve some image pull secrets ({', '.join(missing)})"
            self._worker.tell(
                "Warning",
                "FailedToRetrieveImagePullSecret",
                f"{told}; attempting to pull the image may not succeed.",
            )
        return found

    async def start(self, start: StartContainer, seen: Observed, secrets: Sequence[Object]) -> Outcome:
        """Start a container. Raises Ending, RuntimeFailure."""
        kubelet, name = self._kubelet, start.name
        found = find_container(self._pod["spec"], name)
        assert found is not None
        container = found[1]
        sandbox = seen.sandbox
        assert sandbox is not None

        def tell(kind: str, reason: str, message: str) -> None:
            self._worker.tell_of(name, kind, reason, message)

        def waits(reason: str, message: str, retry_s: float, told: str = "") -> Outcome:
            self.waiting[name] = (reason, message)
            tell("Warning", "Failed", f"Error: {told or message}")
            return Outcome(retry_s=retry_s)

        newest, ended = seen.newest(name), seen.ended(name)
        now = kubelet.clock.monotonic()
        try:
            image = await self._unless_ending(kubelet.images.ensure(self._pod, container, secrets, tell))
            images = await self._volume_images(container, secrets)
        except PullProblem as problem:
            return waits(problem.reason, problem.message, problem.retry_s, told=problem.reason)
        try:
            handler = await self.handler()
            config = await self._container_config(container, start.attempt, image, images, seen, handler)
        except (ConfigurationError, sandboxes.HandlerUnknown) as error:
            return waits("CreateContainerConfigError", str(error), _TRY_AGAIN_S)
        except (StatusError, TransportError) as error:
            message = f"failed to sync configmap or secret cache: {error}"
            return waits("CreateContainerConfigError", message, _TRY_AGAIN_S)
        if ended is not None:
            self.backoffs.next(name, self.ended_at(ended), now)
        if newest is not None and newest.state is ContainerState.CREATED:
            await kubelet.runtime.remove_container(newest.id)
        try:
            users = kubelet.user_namespaces.of(self._pod, kubelet.heartbeat.info, handler)
            sandbox_config = sandboxes.sandbox_config(self._pod, kubelet.config, sandbox.attempt, user_namespace=users)
            creating = kubelet.runtime.create_container(sandbox.id, config, sandbox_config)
            container_id = await self._unless_ending(creating, _ANSWER_S)
            await self._demand(container_id, config)
        except RuntimeFailure as error:
            if error.code == "UNAVAILABLE":
                raise
            return waits("CreateContainerError", error.message, _TRY_AGAIN_S)
        tell("Normal", "Created", f"Created container: {name}")
        try:
            await self._unless_ending(kubelet.runtime.start_container(container_id), _ANSWER_S)
        except RuntimeFailure as error:
            if error.code == "UNAVAILABLE":
                raise
            if newest is None:
                self.backoffs.next(name, now, now)
            return waits("RunContainerError", error.message, _TELL_AGAIN_S)
        tell("Normal", "Started", f"Started container {name}")
        failure = await self._after_start(container, container_id, seen)
        if failure is not None:
            self.waiting[name] = ("PostStartHookError", failure)
            return Outcome(retry_s=_TELL_AGAIN_S)
        self.waiting.pop(name, None)
        return Outcome(made=await kubelet.observer.container(container_id, sandbox.id))

    async def _demand(self, container_id: str, config: ContainerConfig) -> None:
        """See that the runtime has taken what an older one passes over in silence. Raises RuntimeFailure."""
        if not config.stop_signal:
            return
        made = await self._kubelet.runtime.container_status(container_id)
        if made.stop_signal != config.stop_signal:
            await self._kubelet.runtime.remove_container(container_id)
            raise RuntimeFailure("UNIMPLEMENTED", "lifecycle.stopSignal is not supported by the runtime")

    async def _after_start(self, container: Mapping[str, Any], container_id: str, seen: Observed) -> str | None:
        """Do what a container wants done after its start; one whose hook fails is stopped. Return what went wrong."""
        hook = (container.get("lifecycle") or {}).get("postStart")
        if hook is None:
            return None
        assert seen.sandbox is not None
        worker, name = self._worker, container["name"]
        work = self._kubelet.hook_runner.run(hook, self._pod, container, container_id, worker.address_in(seen))
        try:
            told = await self._unless_ending(work)
            if told:
                worker.tell("Warning", FALLBACK, told)
        except HookFailed as error:
            worker.tell_of(name, "Warning", "FailedPostStartHook", "PostStartHook failed")
            running = await self._kubelet.observer.container(container_id, seen.sandbox.id)
            stop = StopContainer(name, container_id, "FailedPostStartHook")
            await worker.stopper.stop_one(stop, Observed(seen.sandboxes, (running,)))
            return str(error)
        return None

    def note_waiting(self, waiting: Iterable[Waiting], seen: Observed) -> None:
        """Remember which containers wait for their back-off, and tell it."""
        held = set()
        metadata = self._pod["metadata"]
        whose = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        for entry in waiting:
            name = entry.name
            held.add(name)
            delay = go_duration(self.backoffs.delay_s(name))
            message = f"back-off {delay} restarting failed container={name} pod={whose}"
            self.waiting[name] = ("CrashLoopBackOff", message)
            told = f"Back-off restarting failed container {name} in pod {whose}"
            self._worker.tell_of(name, "Warning", "BackOff", told)
        for container in seen.running:
            if container.name not in held:
                self.waiting.pop(container.name, None)

    async def _volume_images(self, container: Mapping[str, Any], secrets: Sequence[Object]) -> dict[str, str]:
        """Pull what a container mounts of images; return the references by the volumes' names. Raises PullProblem."""
        kubelet, found = self._kubelet, {}
        mounted = {mount["name"] for mount in container.get("volumeMounts") or ()}
        for volume in self._pod["spec"].get("volumes") or ():
            if volume.get("image") is not None and volume["name"] in mounted:
                wanted = as_container(volume["image"])
                pulling = kubelet.images.ensure(self._pod, wanted, secrets, self._worker.tell)
                found[volume["name"]] = await self._unless_ending(pulling)
        return found

    async def _container_config(
        self,
        container: Mapping[str, Any],
        attempt: int,
        image: str,
        images: Mapping[str, str],
        seen: Observed,
        handler: str,
    ) -> ContainerConfig:
        kubelet, pod = self._kubelet, self._pod
        address = kubelet.config.address
        status: dict[str, Any] = {"hostIP": address, "hostIPs": [{"ip": address}]}
        ips = [address] if pod["spec"].get("hostNetwork") else list(seen.sandbox.ips if seen.sandbox else ())
        if ips:
            status |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}

        async def fetch(kind: str, name: str) -> Object | None:
            return await kubelet.named_objects.fetch(kind, pod["metadata"]["namespace"], name)

        envs = await environment(
            container,
            pod,
            status,
            fetch,
            kubelet.heartbeat.allocatable,
            service_environment(kubelet.config.api_host, kubelet.config.api_port),
        )
        values = dict(envs)
        slow = any(m.get("subPath") or m.get("subPathExpr") for m in container.get("volumeMounts") or ())
        if slow:
            mounts = await asyncio.to_thread(self._mounts, container, attempt, values, images, handler)
        else:
            mounts = self._mounts(container, attempt, values, images, handler)
        return sandboxes.container_config(
            pod,
            container,
            attempt,
            image=image,
            command=expand_all(container.get("command") or (), values),
            args=expand_all(container.get("args") or (), values),
            envs=envs,
            mounts=mounts,
            resources=linux_resources(pod, container, kubelet.memory_bytes, kubelet.page_sizes),
            security=container_security(pod, container, await kubelet.images.known(image), kubelet.seccomp_root),
            sees_processes_of=_target(container, seen),
        )

    def _mounts(
        self,
        container: Mapping[str, Any],
        attempt: int,
        values: Mapping[str, str],
        images: Mapping[str, str],
        handler: str,
    ) -> list[Mount]:
        """Return what is mounted into a container. Raises ConfigurationError, OSError."""
        kubelet, pod = self._kubelet, self._pod
        uid, is_real = pod["metadata"]["uid"], kubelet.config.is_real
        found = volume_mounts(
            pod,
            container,
            values,
            path_of=lambda volume: kubelet.volumes.path(uid, volume),
            sub_paths=kubelet.volumes.sub_paths(uid) if is_real else None,
            recursive_read_only=kubelet.heartbeat.info.can_recursive_read_only(handler),
            images=images,
        )
        taken = {mount.container_path for mount in found}
        return found + (kubelet.files.mounts(pod, container, attempt, taken) if is_real else [])

    @asynccontextmanager
    async def _turn(self, slots: asyncio.Semaphore) -> AsyncIterator[None]:
        """Hold one of some slots for a block; not waited for any longer when the pod is to end. Raises Ending."""
        if slots.locked():
            await self._unless_ending(slots.acquire())
        else:
            await slots.acquire()
        try:
            yield
        finally:
            slots.release()

    async def _unless_ending(self, work: Coroutine[Any, Any, Answer], still_s: float = 0.0) -> Answer:
        """Wait for something long, and give it up a while after the pod is to end. Raises Ending."""

        async def ended() -> None:
            await self._worker.ending.wait()
            if still_s:
                await self._kubelet.clock.sleep(still_s)

        async with TaskScope() as scope:
            working = scope.start(outcome(work), name="long")
            ending = scope.start(ended(), name="ending")
            with self._worker.patience(1).waiting():
                await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Ending
            result: Answer | Exception = await working
        if isinstance(result, Exception):
            raise result
        return result


def _target(container: Mapping[str, Any], seen: Observed) -> str:
    """Return the id of the container whose processes an ephemeral one is to see. Raises ConfigurationError."""
    name = container.get("targetContainerName")
    if not name:
        return ""
    found = seen.newest(name)
    if found is None or found.state is not ContainerState.RUNNING:
        raise ConfigurationError(f"unable to find target container {name}")
    return found.id
