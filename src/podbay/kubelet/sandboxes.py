"""Configurations of sandboxes and containers from a pod's spec.

Pure. Takes a pod and the node's configuration; gives what the runtime is asked for, with upstream's labels, so that a
kubelet that starts again knows its own.
Source: upstream's kuberuntime labels and pod log paths.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podbay.api.pod_containers import lasting_containers
from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ContainerSecurity,
    DnsConfig,
    HostPort,
    LinuxResources,
    Mount,
    SandboxConfig,
    UserNamespace,
)
from podbay.kubelet.actions import CONTAINER_HASH, CONTAINER_RESOURCES, container_hash
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.observed import CONTAINER_NAME, POD_NAME, POD_NAMESPACE, POD_UID
from podbay.kubelet.pod_names import kernel_hostname
from podbay.kubelet.security import sandbox_security
from podbay.kubelet.sysctls import sysctls_of


def log_directory(root: Path, pod: Mapping[str, Any]) -> Path:
    """Return where a pod's logs are."""
    metadata = pod["metadata"]
    return root / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"


def log_of(root: Path, container: Container) -> Path:
    """Return a container's log, from the labels that it was made with."""
    labels = container.labels
    directory = f"{labels.get(POD_NAMESPACE, '')}_{labels.get(POD_NAME, '')}_{labels.get(POD_UID, '')}"
    return root / directory / log_path(container.name, container.attempt)


def log_path(name: str, attempt: int) -> str:
    """Return a container's log file within its pod's directory."""
    return f"{name}/{attempt}.log"


def cgroup_of(config: KubeletConfig, uid: str) -> str:
    """Return a pod's cgroup."""
    return f"{config.cgroup_parent}/pod{uid}"


class HandlerUnknown(OSError):
    """A pod's runtime class is not there, or cannot be asked for its handler."""


def sandbox_config(
    pod: Mapping[str, Any],
    config: KubeletConfig,
    attempt: int,
    dns: DnsConfig | None = None,
    user_namespace: UserNamespace | None = None,
    handler: str = "",
) -> SandboxConfig:
    """Return how to make a pod's sandbox, by the runtime's default handler or another one. Raises NameTooLong."""
    metadata, spec = pod["metadata"], pod["spec"]
    host_network = bool(spec.get("hostNetwork"))
    ports = [
        HostPort(
            protocol=port.get("protocol", "TCP"),
            container_port=port["containerPort"],
            host_port=port["hostPort"],
            host_ip=port.get("hostIP", ""),
        )
        for container in lasting_containers(spec)
        for port in container.get("ports") or ()
        if port.get("hostPort") and not host_network
    ]
    return SandboxConfig(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        attempt=attempt,
        hostname="" if host_network else kernel_hostname(pod, config.cluster_domain),
        log_directory=str(log_directory(config.log_root, pod)),
        dns=dns or DnsConfig(),
        host_ports=ports,
        labels={**(metadata.get("labels") or {}), **_labels(pod)},
        annotations=dict(metadata.get("annotations") or {}),
        cgroup_parent=cgroup_of(config, metadata["uid"]),
        host_network=host_network,
        host_pid=bool(spec.get("hostPID")),
        host_ipc=bool(spec.get("hostIPC")),
        share_process_namespace=bool(spec.get("shareProcessNamespace")),
        user_namespace=user_namespace,
        sysctls=sysctls_of(pod),
        security=sandbox_security(pod),
        handler=handler,
    )


def container_config(  # noqa: PLR0913
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    attempt: int,
    *,
    image: str,
    command: Sequence[str],
    args: Sequence[str],
    envs: Sequence[tuple[str, str]],
    mounts: Sequence[Mount],
    resources: LinuxResources,
    security: ContainerSecurity,
    sees_processes_of: str = "",
) -> ContainerConfig:
    """Return how to make a container."""
    name = container["name"]
    return ContainerConfig(
        name=name,
        image=image,
        attempt=attempt,
        command=command,
        args=args,
        working_dir=container.get("workingDir", ""),
        envs=envs,
        mounts=mounts,
        labels={**_labels(pod), CONTAINER_NAME: name},
        annotations={
            CONTAINER_HASH: container_hash(container),
            CONTAINER_RESOURCES: json.dumps(container.get("resources") or {}, sort_keys=True),
            "io.kubernetes.container.restartCount": str(attempt),
            "io.kubernetes.container.terminationMessagePath": container.get("terminationMessagePath", ""),
            "io.kubernetes.container.terminationMessagePolicy": container.get("terminationMessagePolicy", ""),
            "io.kubernetes.pod.terminationGracePeriod": str(pod["spec"].get("terminationGracePeriodSeconds", 30)),
        },
        log_path=log_path(name, attempt),
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        stop_signal=(container.get("lifecycle") or {}).get("stopSignal") or "",
        resources=resources,
        security=security,
        sees_processes_of=sees_processes_of,
    )


def _labels(pod: Mapping[str, Any]) -> dict[str, str]:
    metadata = pod["metadata"]
    return {POD_NAME: metadata["name"], POD_NAMESPACE: metadata["namespace"], POD_UID: metadata["uid"]}
