"""Rules of containers: names, images, ports, policies and what they ask for.

Takes a pod's ``containers``; gives causes. Invariant: container names are unique, and so are the host's ports.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.pod_containers import is_sidecar
from podbay.api.validation.environment import validate_env, validate_env_from
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
)
from podbay.api.validation.health import validate_health
from podbay.api.validation.resource_requirements import validate_resources
from podbay.api.validation.volumes import validate_mounts

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_TERMINATION_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")


def validate_containers(
    containers: Sequence[Mapping[str, Any]], volumes: Collection[str], grace_s: int | None, path: str
) -> list[Cause]:
    """Return what is wrong with the containers of a pod that has these volumes."""
    if not containers:
        return [required(path)]
    causes, taken = [], set()
    for i, container in enumerate(containers):
        here, name = f"{path}[{i}]", container.get("name") or ""
        causes += validate_common(container, volumes, here)
        if name in taken:
            causes.append(duplicate(f"{here}.name", name))
        taken.add(name)
        causes += validate_health(container, grace_s, here)
        if container.get("restartPolicy") is not None:
            causes.append(forbidden(f"{here}.restartPolicy", "may not be set for non-init containers"))
    return causes + _host_port_conflicts(containers, path)


def validate_init_containers(
    init: Sequence[Mapping[str, Any]],
    regular: Sequence[Mapping[str, Any]],
    volumes: Collection[str],
    grace_s: int | None,
    path: str,
) -> list[Cause]:
    """Return what is wrong with a pod's init containers; their names must differ from the other containers', too."""
    causes, taken = [], {container.get("name") or "" for container in regular}
    for i, container in enumerate(init):
        here, name = f"{path}[{i}]", container.get("name") or ""
        causes += validate_common(container, volumes, here)
        policy = container.get("restartPolicy")
        if policy is not None and policy != "Always":
            causes.append(not_supported(f"{here}.restartPolicy", policy, ("Always",)))
        if name in taken:
            causes.append(duplicate(f"{here}.name", name))
        elif name:
            taken.add(name)
        causes += _host_port_conflicts([container], path)
        if is_sidecar(container):
            causes += validate_health(container, grace_s, here)
            continue
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field) is not None:
                detail = "may not be set for init containers without restartPolicy=Always"
                causes.append(forbidden(f"{here}.{field}", detail))
        if container.get("resizePolicy"):
            detail = "must not be set for init containers"
            causes.append(invalid(f"{here}.resizePolicy", container["resizePolicy"], detail))
    return causes


def image_causes(container: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with the image of a pod's container, if it has one."""
    image = container.get("image") or ""
    if image != image.strip():
        return [invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]
    return []


def one_of(value: str, supported: Sequence[str], path: str) -> list[Cause]:
    """Return a cause if a value that must be there is none of a few."""
    if not value:
        return [required(path)]
    return [] if value in supported else [not_supported(path, value, supported)]


def validate_common(container: Mapping[str, Any], volumes: Collection[str], path: str) -> list[Cause]:
    """Return what is wrong with a container of whatever kind."""
    causes = []
    name = container.get("name") or ""
    if name:
        causes += each_invalid(f"{path}.name", name, names.dns1123_label_problems(name))
    else:
        causes.append(required(f"{path}.name"))
    if not container.get("image"):
        causes.append(required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy") or ""
    causes += one_of(policy, _TERMINATION_MESSAGE_POLICIES, f"{path}.terminationMessagePolicy")
    causes += validate_ports(container.get("ports") or (), f"{path}.ports")
    causes += validate_env(container.get("env") or (), f"{path}.env")
    causes += validate_env_from(container.get("envFrom") or (), f"{path}.envFrom")
    causes += validate_mounts(container, volumes, f"{path}.volumeMounts")
    causes += one_of(container.get("imagePullPolicy") or "", _PULL_POLICIES, f"{path}.imagePullPolicy")
    return causes + validate_resources(container.get("resources"), f"{path}.resources")


def validate_ports(ports: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with the ports that a container names."""
    causes, taken = [], set()
    for i, port in enumerate(ports):
        here, name = f"{path}[{i}]", port.get("name") or ""
        if name:
            if problems := names.port_name_problems(name):
                causes += each_invalid(f"{here}.name", name, problems)
            elif name in taken:
                causes.append(duplicate(f"{here}.name", name))
            taken.add(name)
        number, host = port.get("containerPort") or 0, port.get("hostPort") or 0
        if number:
            causes += each_invalid(f"{here}.containerPort", number, names.port_number_problems(number))
        else:
            causes.append(required(f"{here}.containerPort"))
        if host:
            causes += each_invalid(f"{here}.hostPort", host, names.port_number_problems(host))
        causes += one_of(port.get("protocol") or "", PROTOCOLS, f"{here}.protocol")
    return causes


def _host_port_conflicts(containers: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    causes, taken = [], set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in taken:
                causes.append(duplicate(f"{path}[{i}].ports[{j}].hostPort", key))
            taken.add(key)
    return causes
