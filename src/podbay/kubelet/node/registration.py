"""The Node object of this kubelet: labels, capacity, conditions, addresses, node info.

Pure. Takes facts about the machine and the runtime; gives the object to create and the status to write.
Source: https://kubernetes.io/docs/reference/node/node-labels/ and /docs/reference/node/node-status/
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from podbay.api.huge_pages import resource_name
from podbay.api.local_path import DIRECTORY
from podbay.api.quantity import Format, Quantity
from podbay.cri.runtime import Image, RuntimeInfo
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.eviction.thresholds import reserved
from podbay.kubelet.node.machine import Machine

Object = dict[str, Any]
_PRESSURES: Final = {  # reason and message while there is none, and while there is
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}


def node_object(config: KubeletConfig, machine: Machine) -> Object:
    """Return the node as it is registered."""
    labels = {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
        **config.labels,
    }
    annotations = {DIRECTORY: str(config.local_volumes)}
    metadata = {"name": config.node_name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


def node_status(
    config: KubeletConfig,
    machine: Machine,
    runtime: RuntimeInfo,
    images: Sequence[Image],
    old: Sequence[Mapping[str, Any]],
    now: str,
    pressures: Collection[str] = (),
) -> Object:
    """Return the node's status; ``old`` are the conditions as they were."""
    return {
        "capacity": capacity(config, machine),
        "allocatable": allocatable(config, machine),
        "conditions": conditions(runtime, old, now, pressures),
        "addresses": [
            {"type": "InternalIP", "address": config.address},
            {"type": "Hostname", "address": config.node_name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": config.port}},
        "nodeInfo": {
            "machineID": machine.machine_id,
            "systemUUID": machine.system_uuid,
            "bootID": machine.boot_id,
            "kernelVersion": machine.kernel,
            "osImage": machine.os_image,
            "containerRuntimeVersion": f"{runtime.name}://{runtime.version}",
            "kubeletVersion": config.version,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": machine.architecture,
        },
        "images": [
            {"names": [*image.digests, *image.tags], "sizeBytes": image.size_bytes}
            for image in sorted(images, key=lambda i: -i.size_bytes)[:50]
            if image.digests or image.tags
        ],
        **_abilities(runtime),
    }


def _abilities(runtime: RuntimeInfo) -> dict[str, Any]:
    """Return what a runtime says that it can do; an older one says nothing."""
    found: dict[str, Any] = {}
    if runtime.handlers:
        found["runtimeHandlers"] = [
            {
                "name": handler.name,
                "features": {
                    "recursiveReadOnlyMounts": handler.recursive_read_only,
                    "userNamespaces": handler.user_namespaces,
                },
            }
            for handler in runtime.handlers
        ]
    if runtime.supplemental_groups_policy is not None:
        found["features"] = {"supplementalGroupsPolicy": runtime.supplemental_groups_policy}
    return found


def capacity(config: KubeletConfig, machine: Machine) -> dict[str, str]:
    """Return what the node has."""
    return {
        "cpu": str(machine.cpus),
        "memory": f"{machine.memory_bytes // 1024}Ki",
        "ephemeral-storage": f"{machine.disk_bytes // 1024}Ki",
        **{
            resource_name(size): str(Quantity.of(size * count, Format.BINARY_SI))
            for size, count in sorted(machine.huge_pages.items())
        },
        "pods": str(config.max_pods),
    }


def allocatable(config: KubeletConfig, machine: Machine) -> dict[str, str]:
    """Return what pods may have: what is left before some are evicted. A node that only pretends evicts none.

    Huge pages are set apart, and no memory for anything else.
    """
    found = capacity(config, machine)
    set_apart = sum(size * count for size, count in machine.huge_pages.items())
    for resource, signal, bytes_, taken in (
        ("memory", "memory.available", machine.memory_bytes, set_apart),
        ("ephemeral-storage", "nodefs.available", machine.disk_bytes, 0),
    ):
        kept = reserved(config.thresholds(), signal, bytes_) if config.is_real else 0
        found[resource] = f"{max(0, bytes_ - kept - taken) // 1024}Ki"
    return found


def conditions(
    runtime: RuntimeInfo, old: Sequence[Mapping[str, Any]], now: str, pressures: Collection[str] = ()
) -> list[Object]:
    """Return the node's conditions. A transition time changes with the status only."""
    ready = runtime.ready and runtime.network_ready
    problem = f"container runtime network not ready: {runtime.message}" if runtime.ready else runtime.message
    wanted = [
        *((kind, str(kind in pressures), *told[kind in pressures]) for kind, told in _PRESSURES.items()),
        (
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
            if ready
            else ("Ready", "False", "KubeletNotReady", problem or "container runtime is down")
        ),
    ]
    before = {condition["type"]: condition for condition in old}
    found = []
    for kind, status, reason, message in wanted:
        known = before.get(kind)
        moment = known["lastTransitionTime"] if known and known.get("status") == status else now
        found.append(
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": moment,
                "reason": reason,
                "message": message,
            }
        )
    return found
