"""A container runtime that only pretends: sandboxes, containers and images in memory, on an injected clock.

For simulated nodes and for tests; behaves as the real one does where the kubelet can tell (the suite of runtime
behaviours runs on both). Tests may break it: ``fail``, ``go_down``, ``end_container``, ``end_sandbox``, ``reboot``.
Invariant: it answers with the same errors, states and events as the real one; time passes only on the clock.
Source: https://github.com/kubernetes/cri-api (runtime/v1)
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from podbay.cri.fake import commands
from podbay.cri.fake.behaviour import Behaviour, answer_of, behaviour_of
from podbay.cri.fake.connection import Connection
from podbay.cri.fake.containers import Containers
from podbay.cri.fake.images import Images
from podbay.cri.fake.sandboxes import Sandboxes
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the runtime takes, in seconds."""

    sandbox_s: float = 0.0
    create_s: float = 0.0
    start_s: float = 0.0
    pull_s: float = 0.0


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
        self._connection = Connection(clock, activity or Activity())
        self._called = self._connection.called
        self._sandboxes = Sandboxes(clock, self._connection, pod_cidr)
        self._containers = Containers(clock, self._connection)
        self._images = Images()
        self.timing = timing
        self.pullable = pullable
        self.behaviour = behaviour
        self.answer = answer
        self.private: dict[str, tuple[PullCredentials, ...]] = {}  # registry or registry/path -> who may pull
        self.handlers: tuple[RuntimeHandler, ...] = ()
        self.knows_stop_signals = False
        self.calls = self._connection.calls
        self.tried: list[tuple[str, PullCredentials | None]] = []
        self.updated: list[tuple[str, LinuxResources]] = []  # container's id, its new limits
        self.reopened: list[str] = []  # the containers that got a new log
        self.executed: list[tuple[str, tuple[str, ...]]] = []  # container's name, command
        self.configs = self._containers.configs
        self.sandbox_configs = self._sandboxes.configs

    async def info(self) -> RuntimeInfo:
        """Return that all is well."""
        await self._called("info")
        return RuntimeInfo(name="fake", version="1.0", ready=True, network_ready=True, handlers=self.handlers)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make a sandbox with an address of its own."""
        await self._called("run_sandbox", self.timing.sandbox_s)
        return self._sandboxes.make(config, self.handlers)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Stop a sandbox and kill what runs in it."""
        await self._called("stop_sandbox")
        self._containers.kill_all(sandbox_id)
        self._sandboxes.stop(sandbox_id)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove a sandbox with its containers."""
        await self._called("remove_sandbox")
        self._containers.remove_all(sandbox_id)
        self._sandboxes.remove(sandbox_id)

    async def sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        """Return the sandboxes, without addresses, as a list has them."""
        await self._called("sandboxes")
        return self._sandboxes.listed(labels)

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox with its addresses."""
        await self._called("sandbox_status")
        return self._sandboxes.status(sandbox_id)

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container; its image must be there."""
        await self._called("create_container", self.timing.create_s)
        owner = self._sandboxes.find(sandbox_id)
        if owner is None:
            raise RuntimeFailure("NOT_FOUND", f'failed to find sandbox id "{sandbox_id}": not found')
        if not owner.ready:
            problem = f"no running task found: task {sandbox_id} not found: not found"
            raise RuntimeFailure("NOT_FOUND", f"failed to get sandbox container task: {problem}")
        image = self._images.find(config.image)
        if image is None:
            raise RuntimeFailure("NOT_FOUND", f'failed to resolve image "{config.image}": not found')
        return self._containers.make(
            owner,
            config,
            image,
            self.behaviour,
            log_path=f"{sandbox.log_directory}/{config.log_path}" if sandbox.log_directory and config.log_path else "",
            stop_signal=config.stop_signal if self.knows_stop_signals else "",
        )

    async def start_container(self, container_id: str) -> None:
        """Start a container's life."""
        await self._called("start_container", self.timing.start_s)
        owner = self._sandboxes.status(self._containers.status(container_id).sandbox_id)
        self._containers.start(container_id, is_sandbox_ready=owner.ready)

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Ask a container to end, and kill it after the grace period."""
        await self._called("stop_container")
        await self._containers.stop(container_id, grace_s)

    async def update_resources(self, container_id: str, resources: LinuxResources) -> None:
        """Give a container other limits; one that has ended gets none, and nobody is told."""
        await self._called("update_resources")
        if self._containers.limit(container_id, resources).state is not ContainerState.EXITED:
            self.updated.append((container_id, resources))

    async def reopen_log(self, container_id: str) -> None:
        """Begin a new log, as far as a container that only pretends has one."""
        await self._called("reopen_log")
        if self._containers.status(container_id).state is not ContainerState.RUNNING:
            raise RuntimeFailure("UNKNOWN", "container is not running")
        self.reopened.append(container_id)

    async def remove_container(self, container_id: str) -> None:
        """Remove a container, killing it if it runs."""
        await self._called("remove_container")
        self._containers.remove(container_id)

    async def containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """Return the containers as a list has them: without times, exit codes and reasons."""
        await self._called("containers")
        return self._containers.listed(labels)

    async def container_status(self, container_id: str) -> Container:
        """Return a container with everything but its sandbox."""
        await self._called("container_status")
        return replace(self._containers.status(container_id), sandbox_id="")

    async def pull_image(self, name: str, credentials: PullCredentials | None = None) -> str:
        """Fetch an image if it can be pulled, and by whom it may be."""
        self.tried.append((name, credentials))
        await self._called("pull_image", self.timing.pull_s)
        return self._images.pull(name, credentials, self.pullable, self.private).id

    async def image(self, name: str) -> Image | None:
        """Return an image, or None."""
        await self._called("image")
        return self._images.find(name)

    async def images(self) -> list[Image]:
        """Return all images."""
        await self._called("images")
        return self._images.all()

    async def remove_image(self, name: str) -> None:
        """Remove an image."""
        await self._called("remove_image")
        self._images.remove(name)

    async def writable_layers(self) -> dict[str, WritableLayer]:
        """Return that containers have written nothing."""
        await self._called("writable_layers")
        running = [view.id for view in self._containers.listed(None) if view.state is ContainerState.RUNNING]
        return {key: WritableLayer(used_bytes=0, used_inodes=0) for key in running}

    async def image_filesystem(self) -> ImageFilesystem | None:
        """Return that images are nowhere and take what they are."""
        await self._called("image_filesystem")
        images = self._images.all()
        return ImageFilesystem(path="/", used_bytes=sum(image.size_bytes for image in images), used_inodes=len(images))

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout_s: float) -> ExecResult:
        """Pretend to run a command, for as long as it takes."""
        await self._called("exec_sync")
        name = self._containers.running(container_id).name
        self.executed.append((name, tuple(command)))
        return await commands.run(self._clock, name, command, timeout_s, self.answer)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Refuse: nothing runs that could be talked to."""
        await self._called("exec_url")
        self._containers.running(container_id)
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated container has no streams")

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Refuse: nothing runs that could be talked to."""
        await self._called("attach_url")
        self._containers.running(container_id)
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated container has no streams")

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Refuse: nothing listens."""
        await self._called("port_forward_url")
        if not self._sandboxes.status(sandbox_id).ready:
            raise RuntimeFailure("UNKNOWN", "sandbox container is not running")
        raise RuntimeFailure("UNIMPLEMENTED", "a simulated sandbox has no streams")

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield ends as they happen. An event that waits to be read is work in hand."""
        return self._connection.events()

    async def close(self) -> None:
        """Do nothing: the runtime goes on, as the real one does."""

    async def shut_down(self) -> None:
        """End the pretence: no timer is left."""
        await self._containers.shut_down()

    def add_image(self, name: str, size_bytes: int = 4096, *, is_pinned: bool = False) -> Image:
        """Have an image on the node."""
        return self._images.add(name, size_bytes, is_pinned=is_pinned)

    def fail(self, method: str, code: str, message: str, *, times: int = 1) -> None:
        """Have the next calls of a method fail."""
        self._connection.fail(method, RuntimeFailure(code, message), times)

    def go_down(self) -> None:
        """Stop answering; containers go on running, their ends go unheard."""
        self._connection.go_down()

    def come_back(self) -> None:
        """Answer again; listeners learn that they may have missed something."""
        self._connection.come_back()

    def end_container(self, container_id: str, exit_code: int, *, oom: bool = False) -> None:
        """Have a container end by itself, or by the kernel for want of memory."""
        self._containers.end(container_id, exit_code, oom=oom)

    def end_sandbox(self, sandbox_id: str) -> None:
        """Have a sandbox's own process die."""
        self._sandboxes.end(sandbox_id)

    def reboot(self) -> None:
        """Have everything ended without a word, as after the machine's restart."""
        self._containers.end_all_unheard()
        self._sandboxes.end_all_unheard()
