"""The container runtime as the kubelet sees it: CRI v1 in plain data.

Takes configurations of sandboxes and containers; gives their ids and states. Two implementations: ``client`` (a real
runtime over gRPC) and ``fake``; one suite of behaviours holds for both.
Times are nanoseconds since the epoch, 0 if not yet; grace periods are seconds.
Source: https://github.com/kubernetes/cri-api (runtime/v1)
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class RuntimeFailure(Exception):
    """The runtime said no. ``code`` is gRPC's name: ``NOT_FOUND``, ``UNAVAILABLE``, ``UNKNOWN``, ...

    As text it reads like upstream's clients print it; ``message`` is what the runtime said.
    """

    def __init__(self, code: str, message: str) -> None:
        words = "".join(word.capitalize() for word in code.split("_"))
        super().__init__(f"rpc error: code = {words} desc = {message}")
        self.code = code
        self.message = message


class ContainerState(Enum):
    """CRI's states of a container."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsConfig:
    """What goes into a sandbox's resolv.conf."""

    servers: Sequence[str] = ()
    searches: Sequence[str] = ()
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """A port of the host that leads into a sandbox."""

    protocol: str
    container_port: int
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityProfile:
    """A seccomp or AppArmor profile: ``RuntimeDefault``, ``Unconfined``, or ``Localhost`` with what it refers to."""

    kind: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSecurity:
    """What a sandbox's own process may do. ``selinux`` has user, role, type and level.

    ``strict_groups`` leaves out the groups that the image gives its user.
    """

    privileged: bool = False
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: Sequence[int] = ()
    strict_groups: bool = False
    selinux: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSecurity:
    """What a container's processes are and may do. None leaves it to the image or the runtime."""

    privileged: bool = False
    run_as_user: int | None = None
    run_as_username: str = ""
    run_as_group: int | None = None
    supplemental_groups: Sequence[int] = ()
    strict_groups: bool = False
    add_capabilities: Sequence[str] = ()
    drop_capabilities: Sequence[str] = ()
    read_only_root: bool = False
    no_new_privileges: bool = False
    seccomp: SecurityProfile = SecurityProfile(kind="Unconfined")
    apparmor: SecurityProfile | None = None
    selinux: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNamespace:
    """Users and groups of a sandbox's own: its 0 is the host's ``first_id``, and so on for ``length`` of them."""

    first_id: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """How to make a sandbox. ``user_namespace`` None: its users are the host's. ``handler`` empty: the default one."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: DnsConfig | None = None
    host_ports: Sequence[HostPort] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    user_namespace: UserNamespace | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    security: SandboxSecurity = SandboxSecurity()
    handler: str = ""


class Propagation(Enum):
    """Which mounts made later in a mounted directory are seen where."""

    PRIVATE = "private"
    HOST_TO_CONTAINER = "host to container"
    BIDIRECTIONAL = "bidirectional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of the host in a container; or, where ``image`` names one, what is in an image, or below a path of it."""

    container_path: str
    host_path: str
    read_only: bool = False
    propagation: Propagation = Propagation.PRIVATE
    recursive_read_only: bool = False
    image: str = ""
    image_sub_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxResources:
    """Limits as cgroups have them; 0 is none, but for huge pages: by a size's name, how many bytes of it."""

    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpu_shares: int = 0
    memory_limit_bytes: int = 0
    oom_score_adj: int = 0
    huge_pages: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """How to make a container. ``stop_signal`` is by its name; nothing leaves it to the image."""

    name: str
    image: str
    attempt: int = 0
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    working_dir: str = ""
    envs: Sequence[tuple[str, str]] = ()
    mounts: Sequence[Mount] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    stop_signal: str = ""
    sees_processes_of: str = ""  # another container's id, whose processes this one sees
    resources: LinuxResources = LinuxResources()
    security: ContainerSecurity = ContainerSecurity()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that is there. ``ips`` are known only from its status; ``handler`` is as it was asked for."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ips: Sequence[str] = ()
    handler: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUser:
    """Whom a container's first process was started as, by numbers."""

    uid: int
    gid: int
    supplemental_groups: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container that is there. Times, exit code, reason, stop signal, resources and user only its status has.

    ``resources`` and ``user`` None is what a runtime says that does not tell them.
    """

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: int
    image: str = ""
    image_ref: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    log_path: str = ""
    stop_signal: str = ""
    resources: LinuxResources | None = None
    user: ContainerUser | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a container wrote, and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that is there. Its user is a number, or a name, or not said. A pinned one shall not be removed."""

    id: str
    tags: Sequence[str] = ()
    digests: Sequence[str] = ()
    size_bytes: int = 0
    uid: int | None = None
    username: str = ""
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullCredentials:
    """What a registry is told about who pulls an image."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableLayer:
    """What a container has written into its own file system."""

    used_bytes: int
    used_inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilesystem:
    """Where the runtime keeps images, and what they take there."""

    path: str
    used_bytes: int
    used_inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """Something ended: a container or sandbox (by its id), with what is known at once. ``kind``: ``exit``, ``oom``.

    ``kind`` ``connected`` comes first after every (re)connection: what happened before it was not told; ``lost`` says
    that a connection is gone.
    """

    kind: str
    id: str = ""
    exit_code: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeHandler:
    """A way to run containers, and what it can do; the default one has no name."""

    name: str
    recursive_read_only: bool = False
    user_namespaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """The runtime's name and version, whether it and its network are ready (else why not), and what it can do.

    ``supplemental_groups_policy`` None is what a runtime says that does not know of such features.
    """

    name: str
    version: str
    ready: bool
    network_ready: bool
    message: str = ""
    handlers: Sequence[RuntimeHandler] = ()
    supplemental_groups_policy: bool | None = None

    def can_user_namespaces(self, handler: str) -> bool | None:
        """Tell whether a handler can give a sandbox users of its own; None if nothing is known of the handler."""
        return next((one.user_namespaces for one in self.handlers if one.name == handler), None)

    def can_recursive_read_only(self, handler: str) -> bool:
        """Tell whether a handler can mount read-only all the way down."""
        return any(one.name == handler and one.recursive_read_only for one in self.handlers)


class Runtime(Protocol):
    """See the module. Every method may raise RuntimeFailure; cancelling leaves the outcome open."""

    async def info(self) -> RuntimeInfo:
        """Return what the runtime is and how it feels."""

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make and start a sandbox; return its id."""

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Stop a sandbox and everything in it, and free its address; idempotent."""

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove a sandbox and its containers; idempotent."""

    async def sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        """Return all sandboxes that have these labels."""

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """Return one sandbox with its addresses. NOT_FOUND if there is none."""

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container; return its id."""

    async def start_container(self, container_id: str) -> None:
        """Start a container that was made."""

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Ask a container to end, and kill it after the grace period; idempotent."""

    async def update_resources(self, container_id: str, resources: LinuxResources) -> None:
        """Have a container that was made get other limits; what is 0 stays as it is, and so does what has ended."""

    async def reopen_log(self, container_id: str) -> None:
        """Have what a running container writes from now on go into a new file at its log's path."""

    async def remove_container(self, container_id: str) -> None:
        """Remove a container; idempotent."""

    async def containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """Return all containers that have these labels, without times and exit codes."""

    async def container_status(self, container_id: str) -> Container:
        """Return one container with everything. NOT_FOUND if there is none."""

    async def pull_image(self, name: str, credentials: PullCredentials | None = None) -> str:
        """Fetch an image, as somebody if its registry asks; return its reference."""

    async def image(self, name: str) -> Image | None:
        """Return an image by name or reference, or None."""

    async def images(self) -> list[Image]:
        """Return all images."""

    async def remove_image(self, name: str) -> None:
        """Remove an image; idempotent."""

    async def writable_layers(self) -> dict[str, WritableLayer]:
        """Return what containers that run have written into their own file systems, by id, as it was found last."""

    async def image_filesystem(self) -> ImageFilesystem | None:
        """Return where images are and what they take, or None if the runtime does not tell."""

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout_s: float) -> ExecResult:
        """Run a command in a container to its end; DEADLINE_EXCEEDED if that takes longer. 0 is for ever."""

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Return a one-time URL at which to stream a command."""

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Return a one-time URL at which to stream a container's main process."""

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Return a one-time URL at which to stream ports of a sandbox."""

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield ends as they happen, reconnecting for ever."""

    async def close(self) -> None:
        """Close the connection; the runtime goes on."""
