"""Translates between the plain data of ``runtime`` and CRI's messages.

Pure. The only other module that knows the generated classes is ``client``.
"""

from collections.abc import Mapping
from typing import Any

from podbay.cri.proto import events_pb2, runtime_pb2
from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ContainerSecurity,
    ContainerState,
    ContainerUser,
    Image,
    ImageFilesystem,
    LinuxResources,
    Propagation,
    PullCredentials,
    RuntimeEvent,
    RuntimeHandler,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    SecurityProfile,
    WritableLayer,
)

pb: Any = runtime_pb2

_STATES = {
    0: ContainerState.CREATED,
    1: ContainerState.RUNNING,
    2: ContainerState.EXITED,
    3: ContainerState.UNKNOWN,
}
_PROPAGATIONS = {
    Propagation.PRIVATE: pb.PROPAGATION_PRIVATE,
    Propagation.HOST_TO_CONTAINER: pb.PROPAGATION_HOST_TO_CONTAINER,
    Propagation.BIDIRECTIONAL: pb.PROPAGATION_BIDIRECTIONAL,
}
_SIGNALS = {
    number: name.removeprefix("SIGNAL_").replace("PLUS", "+").replace("MINUS", "-")
    for name, number in pb.Signal.items()
    if number
}
_ABANDONED = "context canceled"
_MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def sandbox_config(config: SandboxConfig) -> Any:
    """Return a sandbox's configuration message."""
    message = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=config.name, uid=config.uid, namespace=config.namespace, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        port_mappings=[
            pb.PortMapping(
                protocol=pb.Protocol.Value(port.protocol),
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip,
            )
            for port in config.host_ports
        ],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            security_context=_sandbox_security(config),
            sysctls=dict(config.sysctls),
        ),
    )
    if config.dns is not None:
        message.dns_config.CopyFrom(
            pb.DNSConfig(servers=config.dns.servers, searches=config.dns.searches, options=config.dns.options)
        )
    return message


def container_config(config: ContainerConfig, sandbox: SandboxConfig) -> Any:
    """Return a container's configuration message."""
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=pb.ImageSpec(image=config.image),
        command=list(config.command),
        args=list(config.args),
        working_dir=config.working_dir,
        envs=[pb.KeyValue(key=key, value=value) for key, value in config.envs],
        mounts=[
            pb.Mount(
                container_path=m.container_path,
                host_path=m.host_path,
                readonly=m.read_only,
                propagation=_PROPAGATIONS[m.propagation],
                recursive_read_only=m.recursive_read_only,
                image=pb.ImageSpec(image=m.image) if m.image else None,
                image_sub_path=m.image_sub_path,
                uidMappings=_id_mappings(sandbox),
                gidMappings=_id_mappings(sandbox),
            )
            for m in config.mounts
        ],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        stop_signal=_signal(config.stop_signal),
        linux=pb.LinuxContainerConfig(
            resources=linux_resources(config.resources),
            security_context=_container_security(config.security, sandbox, config.sees_processes_of),
        ),
    )


def sandbox(message: Any) -> Sandbox:
    """Return a sandbox of a list, or of a status (then with its addresses)."""
    network = getattr(message, "network", None)
    ips: list[str] = []
    if network is not None and network.ip:
        ips = [network.ip, *(other.ip for other in network.additional_ips)]
    return Sandbox(
        id=message.id,
        name=message.metadata.name,
        namespace=message.metadata.namespace,
        uid=message.metadata.uid,
        attempt=message.metadata.attempt,
        ready=message.state == pb.SANDBOX_READY,
        created_at=message.created_at,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        ips=ips,
        handler=message.runtime_handler,
    )


def container(message: Any) -> Container:
    """Return a container of a list."""
    return Container(
        id=message.id,
        sandbox_id=message.pod_sandbox_id,
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        state=_STATES[message.state],
        created_at=message.created_at,
        image=message.image.image,
        image_ref=message.image_ref,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
    )


def container_status(message: Any) -> Container:
    """Return a container of a status. Its sandbox is not in there.

    One whose start was given up because who asked for it went away has only been made: nothing of it ever ran.
    """
    was_abandoned = message.reason == "StartError" and not message.started_at and _ABANDONED in message.message
    return Container(
        id=message.id,
        sandbox_id="",
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        state=ContainerState.CREATED if was_abandoned else _STATES[message.state],
        created_at=message.created_at,
        image=message.image.image,
        image_ref=message.image_ref,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        started_at=message.started_at,
        finished_at=message.finished_at,
        exit_code=message.exit_code,
        reason=message.reason,
        message=message.message,
        log_path=message.log_path,
        stop_signal=_SIGNALS.get(message.stop_signal, ""),
        resources=_told_resources(message),
        user=_told_user(message),
    )


def linux_resources(resources: LinuxResources) -> Any:
    """Return the message of a container's limits."""
    return pb.LinuxContainerResources(
        cpu_period=resources.cpu_period_us,
        cpu_quota=resources.cpu_quota_us,
        cpu_shares=resources.cpu_shares,
        memory_limit_in_bytes=resources.memory_limit_bytes,
        oom_score_adj=resources.oom_score_adj,
        hugepage_limits=[pb.HugepageLimit(page_size=size, limit=most) for size, most in resources.huge_pages],
    )


def _told_resources(status: Any) -> LinuxResources | None:
    if not status.resources.HasField("linux"):
        return None
    linux = status.resources.linux
    return LinuxResources(
        cpu_period_us=linux.cpu_period,
        cpu_quota_us=linux.cpu_quota,
        cpu_shares=linux.cpu_shares,
        memory_limit_bytes=linux.memory_limit_in_bytes,
        oom_score_adj=linux.oom_score_adj,
        huge_pages=tuple((one.page_size, one.limit) for one in linux.hugepage_limits),
    )


def _told_user(status: Any) -> ContainerUser | None:
    if not status.user.HasField("linux"):
        return None
    linux = status.user.linux
    return ContainerUser(uid=linux.uid, gid=linux.gid, supplemental_groups=tuple(linux.supplemental_groups))


def image(message: Any) -> Image:
    """Return an image."""
    return Image(
        id=message.id,
        tags=tuple(message.repo_tags),
        digests=tuple(message.repo_digests),
        size_bytes=message.size,
        uid=message.uid.value if message.HasField("uid") else None,
        username=message.username,
        is_pinned=message.pinned,
    )


def auth_config(credentials: PullCredentials | None) -> Any:
    """Return whom a registry is told about, or nobody."""
    if credentials is None:
        return None
    return pb.AuthConfig(username=credentials.username, password=credentials.password)


def writable_layer(message: Any) -> tuple[str, WritableLayer]:
    """Return a container's id and what it has written, from its statistics."""
    layer = message.writable_layer
    return message.attributes.id, WritableLayer(used_bytes=layer.used_bytes.value, used_inodes=layer.inodes_used.value)


def image_filesystem(message: Any) -> ImageFilesystem:
    """Return a file system of images."""
    return ImageFilesystem(
        path=message.fs_id.mountpoint, used_bytes=message.used_bytes.value, used_inodes=message.inodes_used.value
    )


def runtime_info(version: Any, status: Any) -> RuntimeInfo:
    """Return what the runtime says of itself."""
    conditions = {condition.type: condition for condition in status.status.conditions}
    ready, network = conditions.get("RuntimeReady"), conditions.get("NetworkReady")
    problems = [
        f"{c.type}={str(c.status).lower()} reason:{c.reason} message:{c.message}"
        for c in conditions.values()
        if not c.status
    ]
    return RuntimeInfo(
        name=version.runtime_name,
        version=version.runtime_version,
        ready=bool(ready and ready.status),
        network_ready=bool(network and network.status),
        message=", ".join(problems),
        handlers=tuple(
            RuntimeHandler(
                name=handler.name,
                recursive_read_only=handler.features.recursive_read_only_mounts,
                user_namespaces=handler.features.user_namespaces,
            )
            for handler in status.runtime_handlers
        ),
        supplemental_groups_policy=(
            status.features.supplemental_groups_policy if status.HasField("features") else None
        ),
    )


def event(envelope: Any) -> RuntimeEvent | None:
    """Return the end that an envelope tells, or None for what is no container's: the end of an exec."""
    if envelope.topic == "/tasks/oom":
        oom = events_pb2.TaskOOM.FromString(envelope.event.value)
        return RuntimeEvent(kind="oom", id=oom.container_id)
    ended = events_pb2.TaskExit.FromString(envelope.event.value)
    if ended.id != ended.container_id:
        return None
    return RuntimeEvent(kind="exit", id=ended.id, exit_code=ended.exit_status, at=ended.exited_at.ToNanoseconds())


def _namespaces(config: SandboxConfig, target: str = "") -> Any:
    if target:
        joined = _namespaces(config)
        joined.pid, joined.target_id = pb.TARGET, target
        return joined
    ids = _id_mappings(config)
    return pb.NamespaceOption(
        userns_options=pb.UserNamespace(mode=pb.POD if ids else pb.NODE, uids=ids, gids=ids),
        network=pb.NODE if config.host_network else pb.POD,
        pid=pb.NODE if config.host_pid else pb.POD if config.share_process_namespace else pb.CONTAINER,
        ipc=pb.NODE if config.host_ipc else pb.POD,
    )


def _id_mappings(config: SandboxConfig) -> list[Any]:
    users = config.user_namespace
    return [pb.IDMapping(host_id=users.first_id, container_id=0, length=users.length)] if users is not None else []


def _signal(name: str) -> Any:
    return next((number for number, known in _SIGNALS.items() if known == name), pb.SIGNAL_RUNTIME_DEFAULT)


def _sandbox_security(config: SandboxConfig) -> Any:
    security = config.security
    return pb.LinuxSandboxSecurityContext(
        namespace_options=_namespaces(config),
        privileged=security.privileged,
        run_as_user=_number(security.run_as_user),
        run_as_group=_number(security.run_as_group),
        supplemental_groups=security.supplemental_groups,
        supplemental_groups_policy=pb.Strict if security.strict_groups else pb.Merge,
        selinux_options=_selinux(security.selinux),
        # The sandbox's own process only waits: it can always live with the runtime's profile.
        seccomp=pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault),
    )


def _container_security(security: ContainerSecurity, sandbox: SandboxConfig, target: str) -> Any:
    return pb.LinuxContainerSecurityContext(
        namespace_options=_namespaces(sandbox, target),
        privileged=security.privileged,
        run_as_user=_number(security.run_as_user),
        run_as_username=security.run_as_username,
        run_as_group=_number(security.run_as_group),
        supplemental_groups=security.supplemental_groups,
        supplemental_groups_policy=pb.Strict if security.strict_groups else pb.Merge,
        capabilities=pb.Capability(
            add_capabilities=security.add_capabilities, drop_capabilities=security.drop_capabilities
        ),
        readonly_rootfs=security.read_only_root,
        no_new_privs=security.no_new_privileges,
        masked_paths=_MASKED,
        readonly_paths=_READ_ONLY,
        seccomp=_profile(security.seccomp),
        apparmor=_profile(security.apparmor) if security.apparmor else None,
        selinux_options=_selinux(security.selinux),
    )


def _number(value: int | None) -> Any:
    return None if value is None else pb.Int64Value(value=value)


def _profile(profile: SecurityProfile) -> Any:
    kind = pb.SecurityProfile.ProfileType.Value(profile.kind)
    return pb.SecurityProfile(profile_type=kind, localhost_ref=profile.reference)


def _selinux(options: Mapping[str, str] | None) -> Any:
    return None if options is None else pb.SELinuxOption(**options)
