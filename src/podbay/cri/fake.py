"""A container runtime that only pretends: sandboxes, containers and images in memory, on an injected clock.

For simulated nodes and for tests; behaves as the real one does where the kubelet can tell (the suite of runtime
behaviours runs on both). Tests may break it: ``fail``, ``go_down``, ``end_container``, ``end_sandbox``, ``reboot``.
Invariant: it answers with the same errors, states and events as the real one; time passes only on the clock.
Source: https://github.com/kubernetes/cri-api (runtime/v1)
"""

import asyncio
import hashlib
import ipaddress
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from podbay.cri.behaviour import Behaviour, answer_of, behaviour_of
from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ContainerState,
    ExecResult,
    Image,
    ImageFilesystem,
    LinuxResources,
    PullCredentials,
    RuntimeEvent,
    RuntimeFailure,
    RuntimeHandler,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    WritableLayer,
)
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_UNLISTED: Final[Mapping[str, Any]] = {
    "started_at": 0, "finished_at": 0, "exit_code": 0, "reason": "", "message": "", "log_path": "", "stop_signal": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the runtime takes, in seconds."""

    sandbox_s: float = 0.0
    create_s: float = 0.0
    start_s: float = 0.0
    pull_s: float = 0.0


@dataclass(slots=True)
class _Held:
    """A container with what the runtime does not show."""

    view: Container
    behaviour: Behaviour
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class FakeRuntime:
    """See the module. ``pullable`` None: every image can be pulled. ``calls`` has the methods called, in order."""

    def __init__(
        self,
        clock: Clock,
        activity: Activity | None = None,
        *,
        timing: Timing = Timing(),
        pod_cidr: str = "10.244.0.0/24",
        pullable: Collection[str] | None = None,
        behaviour: Callable[[ContainerConfig], Behaviour] = behaviour_of,
        answer: Callable[[str, Sequence[str]], ExecResult] = answer_of,
    ) -> None:
        self._clock = clock
        self._activity = activity or Activity()
        self.timing = timing
        self._addresses = ipaddress.ip_network(pod_cidr)
        self.pullable = pullable
        self.behaviour = behaviour
        self.answer = answer
        self._sandboxes: dict[str, Sandbox] = {}
        self._host_network: set[str] = set()
        self._containers: dict[str, _Held] = {}
        self._images: dict[str, Image] = {}
        self._listeners: set[_Listener] = set()
        self._failures: dict[str, list[RuntimeFailure]] = defaultdict(list)
        self._is_down = False
        self._made = 0
        self._timers = TaskScope()
        self.calls: list[str] = []
        self.private: dict[str, tuple[PullCredentials, ...]] = {}  # registry or registry/path -> who may pull
        self.tried: list[tuple[str, PullCredentials | None]] = []
        self.handlers: tuple[RuntimeHandler, ...] = ()
        self.knows_stop_signals = False
        self.written: dict[str, WritableLayer] = {}  # by container's id
        self.updated: list[tuple[str, LinuxResources]] = []  # container's id, its new limits
        self.reopened: list[str] = []  # the containers that got a new log
        self.executed: list[tuple[str, tuple[str, ...]]] = []  # container's name, command
        self.configs: dict[str, ContainerConfig] = {}
        self.sandbox_configs: dict[str, SandboxConfig] = {}

    async def info(self) -> RuntimeInfo:
        """Return that all is well."""
        await self._called("info")
        return RuntimeInfo(name="fake", version="1.0", ready=True, network_ready=True, handlers=self.handlers)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make a sandbox with an address of its own."""
        await self._called("run_sandbox", self.timing.sandbox_s)
        for other in self._sandboxes.values():
            if (other.uid, other.name, other.attempt) == (config.uid, config.name, config.attempt):
                name = f"{config.name}_{config.namespace}_{config.uid}_{config.attempt}"
                raise RuntimeFailure(
                    "UNKNOWN",
                    f'failed to reserve sandbox name "{name}": name "{name}" is reserved for "{other.id}"',
                )
        if config.handler not in {"", "runc", *(handler.name for handler in self.handlers)}:
            raise RuntimeFailure(
                "UNKNOWN", f'failed to get sandbox runtime: no runtime for "{config.handler}" is configured'
            )
        key = self._new_id()
        self._sandboxes[key] = Sandbox(
            id=key,
            name=config.name,
            namespace=config.namespace,
            uid=config.uid,
            attempt=config.attempt,
            ready=True,
            created_at=self._now(),
            labels=dict(config.labels),
            annotations=dict(config.annotations),
            ips=() if config.host_network else (self._free_address(),),
            handler=config.handler,
        )
        self.sandbox_configs[key] = config
        return key

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Stop a sandbox and kill what runs in it."""
        await self._called("stop_sandbox")
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None:
            return
        for held in self._of_sandbox(sandbox_id):
            self._end(held, 137)
        if sandbox.ready:
            self._sandboxes[sandbox_id] = replace(sandbox, ready=False, ips=())
            self._tell(RuntimeEvent(kind="exit", id=sandbox_id, exit_code=137, at=self._now()))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove a sandbox with its containers."""
        await self._called("remove_sandbox")
        for held in self._of_sandbox(sandbox_id):
            self._end(held, 137)
            del self._containers[held.view.id]
        self._sandboxes.pop(sandbox_id, None)

    async def sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        """Return the sandboxes, without addresses, as a list has them."""
        await self._called("sandboxes")
        return [replace(s, ips=()) for s in self._sandboxes.values() if _has(s.labels, labels)]

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox with its addresses."""
        await self._called("sandbox_status")
        if sandbox_id not in self._sandboxes:
            raise RuntimeFailure("NOT_FOUND", f'an error occurred when try to find sandbox "{sandbox_id}": not found')
        return self._sandboxes[sandbox_id]

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container; its image must be there."""
        await self._called("create_container", self.timing.create_s)
        owner = self._sandboxes.get(sandbox_id)
        if owner is None:
            raise RuntimeFailure("NOT_FOUND", f'failed to find sandbox id "{sandbox_id}": not found')
        image = self._image(config.image)
        if image is None:
            raise RuntimeFailure("NOT_FOUND", f'failed to resolve image "{config.image}": not found')
        for held in self._of_sandbox(sandbox_id):
            if (held.view.name, held.view.attempt) == (config.name, config.attempt):
                name = f"{config.name}_{owner.name}_{owner.namespace}_{owner.uid}_{config.attempt}"
                raise RuntimeFailure(
                    "UNKNOWN",
                    f'failed to reserve container name "{name}": name "{name}" is reserved for "{held.view.id}"',
                )
        key = self._new_id()
        self._containers[key] = _Held(
            Container(
                id=key,
                sandbox_id=sandbox_id,
                name=config.name,
                attempt=config.attempt,
                state=ContainerState.CREATED,
                created_at=self._now(),
                image=image.tags[0] if image.tags else image.id,
                image_ref=image.id,
                labels=dict(config.labels),
                annotations=dict(config.annotations),
                log_path=config.log_path,
                stop_signal=config.stop_signal if self.knows_stop_signals else "",
            ),
            self.behaviour(config),
        )
        self.configs[key] = config
        return key

    async def start_container(self, container_id: str) -> None:
        """Start a container's life."""
        await self._called("start_container", self.timing.start_s)
        held = self._held(container_id)
        if held.view.state is not ContainerState.CREATED:
            state = f"CONTAINER_{held.view.state.name}"
            raise RuntimeFailure(
                "UNKNOWN", f'failed to start container "{container_id}": container is in {state} state'
            )
        if held.behaviour.start_error:
            now = self._now()
            held.view = replace(
                held.view,
                state=ContainerState.EXITED,
                started_at=0,
                finished_at=now,
                exit_code=128,
                reason="StartError",
                message=held.behaviour.start_error,
            )
            held.ended.set()
            raise RuntimeFailure("UNKNOWN", held.behaviour.start_error)
        held.view = replace(held.view, state=ContainerState.RUNNING, started_at=self._now())
        if held.behaviour.runs_s is not None:
            self._end_later(held, held.behaviour.runs_s, held.behaviour.exit_code)

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Ask a container to end, and kill it after the grace period."""
        await self._called("stop_container")
        held = self._containers.get(container_id)
        if held is None or held.view.state is not ContainerState.RUNNING:
            return
        behaviour = held.behaviour
        if behaviour.term_code is not None and behaviour.term_s <= grace_s and grace_s > 0:
            self._end_later(held, behaviour.term_s, behaviour.term_code)
        else:
            self._end_later(held, grace_s, 137)
        await held.ended.wait()

    async def update_resources(self, container_id: str, resources: LinuxResources) -> None:
        """Remember the limits that a container has got; one that has ended gets none, and nobody is told."""
        await self._called("update_resources")
        if self._held(container_id).view.state is ContainerState.EXITED:
            return
        self.updated.append((container_id, resources))

    async def reopen_log(self, container_id: str) -> None:
        """Begin a new log, as far as a container that only pretends has one."""
        await self._called("reopen_log")
        self._must_run(container_id)
        self.reopened.append(container_id)

    async def remove_container(self, container_id: str) -> None:
        """Remove a container, killing it if it runs."""
        await self._called("remove_container")
        held = self._containers.pop(container_id, None)
        if held is not None:
            self._end(held, 137)

    async def containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """Return the containers as a list has them: without times, exit codes and reasons."""
        await self._called("containers")
        return [replace(held.view, **_UNLISTED) for held in self._containers.values() if _has(held.view.labels, labels)]

    async def container_status(self, container_id: str) -> Container:
        """Return a container with everything but its sandbox."""
        await self._called("container_status")
        return replace(self._held(container_id).view, sandbox_id="")

    async def pull_image(self, name: str, credentials: PullCredentials | None = None) -> str:
        """Fetch an image if it can be pulled, and by whom it may be."""
        self.tried.append((name, credentials))
        await self._called("pull_image", self.timing.pull_s)
        if any(name.startswith(f"{place}/") and credentials not in may for place, may in self.private.items()):
            said = f"pulling from host {name.partition('/')[0]} failed with status code [manifests 1]: 401 Unauthorized"
            raise RuntimeFailure(
                "UNKNOWN", f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {said}'
            )
        if self.pullable is not None and name not in self.pullable:
            raise RuntimeFailure(
                "NOT_FOUND",
                f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {name}: not found',
            )
        return self.add_image(name).id

    async def image(self, name: str) -> Image | None:
        """Return an image, or None."""
        await self._called("image")
        return self._image(name)

    async def images(self) -> list[Image]:
        """Return all images."""
        await self._called("images")
        return list(self._images.values())

    async def remove_image(self, name: str) -> None:
        """Remove an image."""
        await self._called("remove_image")
        found = self._image(name)
        if found is not None:
            del self._images[found.id]

    async def writable_layers(self) -> dict[str, WritableLayer]:
        """Return that containers have written nothing but what a test has them have."""
        await self._called("writable_layers")
        running = [key for key, held in self._containers.items() if held.view.state is ContainerState.RUNNING]
        return {key: self.written.get(key, WritableLayer(used_bytes=0, used_inodes=0)) for key in running}

    async def image_filesystem(self) -> ImageFilesystem | None:
        """Return that images are nowhere and take what they are."""
        await self._called("image_filesystem")
        return ImageFilesystem(
            path="/", used_bytes=sum(image.size_bytes for image in self._images.values()), used_inodes=len(self._images)
        )

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout_s: float) -> ExecResult:
        """Pretend to run a command, for as long as it takes."""
        await self._called("exec_sync")
        self._must_run(container_id)
        name = self._held(container_id).view.name
        self.executed.append((name, tuple(command)))
        takes_s = behaviour_of(ContainerConfig(name=name, image="", command=command)).runs_s or 0.0
        if 0 < timeout_s < takes_s:
            await self._clock.sleep(timeout_s)
            message = f"failed to exec in container: timeout {timeout_s:.0f}s exceeded: context deadline exceeded"
            raise RuntimeFailure("DEADLINE_EXCEEDED", message)
        if takes_s:
            await self._clock.sleep(takes_s)
        return self.answer(name, command)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Refuse: nothing runs that could be talked to."""
        self._must_run(container_id)
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated container has no streams")

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Refuse: nothing runs that could be talked to."""
        self._must_run(container_id)
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated container has no streams")

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Refuse: nothing listens."""
        await self.sandbox_status(sandbox_id)
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated sandbox has no streams")

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield ends as they happen. An event that waits to be read is work in hand."""
        listener = _Listener(self._activity)
        self._listeners.add(listener)
        if not self._is_down:
            listener.put(RuntimeEvent(kind="connected"))
        try:
            while True:
                yield await listener.next()
        finally:
            self._listeners.discard(listener)
            listener.close()

    async def close(self) -> None:
        """Do nothing: the runtime goes on, as the real one does."""

    async def shut_down(self) -> None:
        """End the pretence: no timer is left."""
        await self._timers.close()

    def add_image(self, name: str, size_bytes: int = 4096, *, is_pinned: bool = False) -> Image:
        """Have an image on the node."""
        digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        repository = name.partition("@")[0]
        tail = repository.rpartition("/")[2]
        if ":" in tail:
            repository = repository.removesuffix(":" + tail.partition(":")[2])
        tags = () if "@" in name else (name,)
        image = Image(
            id=digest, tags=tags, digests=(f"{repository}@{digest}",), size_bytes=size_bytes, is_pinned=is_pinned
        )
        self._images[digest] = image
        return image

    def fail(self, method: str, code: str, message: str, *, times: int = 1) -> None:
        """Have the next calls of a method fail."""
        self._failures[method] += [RuntimeFailure(code, message)] * times

    def go_down(self) -> None:
        """Stop answering; containers go on running, their ends go unheard."""
        self._tell(RuntimeEvent(kind="lost"))
        self._is_down = True

    def come_back(self) -> None:
        """Answer again; listeners learn that they may have missed something."""
        self._is_down = False
        self._tell(RuntimeEvent(kind="connected"))

    def end_container(self, container_id: str, exit_code: int, *, oom: bool = False) -> None:
        """Have a container end by itself, or by the kernel for want of memory."""
        held = self._held(container_id)
        if oom:
            self._tell(RuntimeEvent(kind="oom", id=container_id))
        self._end(held, exit_code, "OOMKilled" if oom else "")

    def end_sandbox(self, sandbox_id: str) -> None:
        """Have a sandbox's own process die."""
        self._sandboxes[sandbox_id] = replace(self._sandboxes[sandbox_id], ready=False, ips=())
        self._tell(RuntimeEvent(kind="exit", id=sandbox_id, exit_code=137, at=self._now()))

    def reboot(self) -> None:
        """Have everything ended without a word, as after the machine's restart."""
        for held in self._containers.values():
            if held.view.state is ContainerState.RUNNING:
                held.view = replace(
                    held.view, state=ContainerState.EXITED, exit_code=255, reason="Unknown", finished_at=self._now()
                )
                held.ended.set()
        self._sandboxes = {key: replace(s, ready=False, ips=()) for key, s in self._sandboxes.items()}

    async def _called(self, method: str, takes_s: float = 0.0) -> None:
        self.calls.append(method)
        if self._is_down:
            raise RuntimeFailure("UNAVAILABLE", "connection error: the fake runtime is down")
        if takes_s > 0:
            await self._clock.sleep(takes_s)
        if self._failures[method]:
            raise self._failures[method].pop(0)

    def _end_later(self, held: _Held, seconds: float, code: int) -> None:
        deadline = self._clock.monotonic() + seconds  # from now, whenever the task gets its first turn

        async def end() -> None:
            await self._clock.sleep(deadline - self._clock.monotonic())
            self._end(held, code)

        if seconds <= 0:
            self._end(held, code)
        else:
            self._timers.start(end(), name="fake container")

    def _end(self, held: _Held, code: int, reason: str = "") -> None:
        if held.view.state is not ContainerState.RUNNING:
            return
        now = self._now()
        held.view = replace(
            held.view,
            state=ContainerState.EXITED,
            finished_at=now,
            exit_code=code,
            reason=reason or ("Completed" if code == 0 else "Error"),
        )
        held.ended.set()
        self._tell(RuntimeEvent(kind="exit", id=held.view.id, exit_code=code, at=now))

    def _tell(self, event: RuntimeEvent) -> None:
        if not self._is_down:
            for listener in self._listeners:
                listener.put(event)

    def _held(self, container_id: str) -> _Held:
        if container_id not in self._containers:
            message = f'an error occurred when try to find container "{container_id}": not found'
            raise RuntimeFailure("NOT_FOUND", message)
        return self._containers[container_id]

    def _must_run(self, container_id: str) -> None:
        if self._held(container_id).view.state is not ContainerState.RUNNING:
            raise RuntimeFailure("UNKNOWN", "container is in CONTAINER_EXITED state")

    def _of_sandbox(self, sandbox_id: str) -> list[_Held]:
        return [held for held in self._containers.values() if held.view.sandbox_id == sandbox_id]

    def _image(self, name: str) -> Image | None:
        for image in self._images.values():
            if name in (image.id, *image.tags, *image.digests):
                return image
        return None

    def _free_address(self) -> str:
        taken = {ip for sandbox in self._sandboxes.values() for ip in sandbox.ips}
        for host in list(self._addresses.hosts())[1:]:
            if str(host) not in taken:
                return str(host)
        raise RuntimeFailure("UNKNOWN", f"no IP addresses available in range set: {self._addresses}")

    def _new_id(self) -> str:
        self._made += 1
        return hashlib.sha256(f"{id(self)}/{self._made}".encode()).hexdigest()

    def _now(self) -> int:
        # Made from whole microseconds: a float of nanoseconds since 1970 would not be exact.
        now = self._clock.now()
        return int(now.replace(microsecond=0).timestamp()) * 1_000_000_000 + now.microsecond * 1000


class _Listener:
    """One reader's events."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._events: list[RuntimeEvent] = []
        self._more = asyncio.Event()
        self._held = False

    def put(self, event: RuntimeEvent) -> None:
        """Have an event read."""
        self._events.append(event)
        if not self._held:
            self._held = True
            self._activity.begin("runtime events")
        self._more.set()

    async def next(self) -> RuntimeEvent:
        """Return the next event; coming back for more says that the last one was dealt with."""
        while not self._events:
            self._release()
            self._more.clear()
            await self._more.wait()
        return self._events.pop(0)

    def close(self) -> None:
        """Let go of what is in hand."""
        self._events.clear()
        self._release()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._activity.end("runtime events")


def _has(labels: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    return all(labels.get(key) == value for key, value in (wanted or {}).items())
