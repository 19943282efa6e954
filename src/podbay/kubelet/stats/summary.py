"""The document of ``/stats/summary``: what the node, its pods and their containers use.

Pure. Takes a ``Sample``; gives upstream's Summary.
Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/ ; k8s.io/kubelet/pkg/apis/stats/v1alpha1.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.kubelet.stats.samples import (
    CgroupUsage,
    ContainerSample,
    DiskUsage,
    Filesystem,
    Interface,
    NodeSample,
    PodSample,
    Sample,
)
from podbay.wire.times import format_nano_time

Object = dict[str, Any]
_DEFAULT_INTERFACE: Final = "eth0"


def summary(sample: Sample, *, only_cpu_and_memory: bool = False) -> Object:
    """Return the document."""
    node = sample.node
    pods = [_pod(pod, node, only=only_cpu_and_memory) for pod in sample.pods if pod.containers]
    return {"node": _node(node, only=only_cpu_and_memory), "pods": pods}


def ephemeral_usage(pod: PodSample) -> DiskUsage:
    """Return what a pod has on the node's disk: written layers, logs, and volumes that end with the pod."""
    total = pod.disks.other if pod.disks is not None else DiskUsage()
    for container in pod.containers:
        total = total + (container.layer or DiskUsage()) + logs_of(pod, container)
    for name in ephemeral_volumes(pod.pod):
        if pod.disks is not None and name in pod.disks.volumes:
            total = total + pod.disks.volumes[name].used
    return total


def ephemeral_volumes(pod: Mapping[str, Any]) -> list[str]:
    """Return the names of the volumes that are the pod's own and on the node's disk."""
    return [
        volume["name"]
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("configMap") is not None
        or (volume.get("emptyDir") is not None and not volume["emptyDir"].get("medium"))
    ]


def logs_of(pod: PodSample, container: ContainerSample) -> DiskUsage:
    """Return what a container's logs take."""
    return pod.disks.logs.get(container.name, DiskUsage()) if pod.disks is not None else DiskUsage()


def _node(node: NodeSample, *, only: bool) -> Object:
    found: Object = {"nodeName": node.name}
    if node.pods is not None:
        system: Object = {"name": "pods", "startTime": node.started_at, **_cpu(node.pods)}
        most = node.pods.limit_bytes if node.pods.limit_bytes is not None else node.memory_bytes
        system |= _memory(node.pods, most)
        found["systemContainers"] = [system]
    found["startTime"] = node.started_at
    if node.usage is not None:
        found |= {**_cpu(node.usage), **_memory(node.usage, node.memory_bytes)}
    if only:
        return found
    time = format_nano_time(int(node.at * 1e9))
    found |= _network(node.interfaces, time)
    root = node.filesystem
    used = {"usedBytes": root.used_bytes, "inodesUsed": root.inodes - root.inodes_free}
    found["fs"] = {"time": time, **_filesystem(root), **used}
    if node.image_filesystem is not None:
        images: Object = {"time": time, **_filesystem(node.image_filesystem), **_used(node.images)}
        found["runtime"] = {"imageFs": images, "containerFs": images}
    found["rlimit"] = {"time": time, "maxpid": node.most_processes, "curproc": node.processes}
    return found


def _pod(pod: PodSample, node: NodeSample, *, only: bool) -> Object:
    metadata, status = pod.pod["metadata"], pod.pod.get("status") or {}
    time = format_nano_time(int(node.at * 1e9))
    found: Object = {
        "podRef": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
        "startTime": status.get("startTime") or metadata.get("creationTimestamp"),
        "containers": [_container(pod, each, node, time, only=only) for each in pod.containers],
    }
    if pod.usage is not None:
        found |= {**_cpu(pod.usage), **_memory(pod.usage, pod.usage.limit_bytes)}
    if only:
        return found
    found |= _network(pod.interfaces, time)
    if pod.disks is not None:
        found["volume"] = [
            {"time": format_nano_time(int(pod.disks.at * 1e9)), **_filesystem(v.filesystem), **_used(v.used), "name": n}
            for n, v in sorted(pod.disks.volumes.items())
        ]
        found["ephemeral-storage"] = {"time": time, **_filesystem(node.filesystem), **_used(ephemeral_usage(pod))}
    found["process_stats"] = {"process_count": pod.processes}
    return found


def _container(pod: PodSample, container: ContainerSample, node: NodeSample, time: str, *, only: bool) -> Object:
    found: Object = {"name": container.name, "startTime": container.started_at}
    if container.usage is not None:
        found |= {**_cpu(container.usage), **_memory(container.usage, container.usage.limit_bytes)}
    if only:
        return found
    if container.layer is not None and node.image_filesystem is not None:
        found["rootfs"] = {"time": time, **_filesystem(node.image_filesystem), **_used(container.layer)}
    if pod.disks is not None:
        found["logs"] = {"time": time, **_filesystem(node.filesystem), **_used(logs_of(pod, container))}
    return found


def _cpu(usage: CgroupUsage) -> Object:
    found: Object = {"time": format_nano_time(int(usage.at * 1e9))}
    if usage.nano_cores is not None:
        found["usageNanoCores"] = usage.nano_cores
    return {"cpu": {**found, "usageCoreNanoSeconds": usage.cpu_ns}}


def _memory(usage: CgroupUsage, most: int | None) -> Object:
    found: Object = {"time": format_nano_time(int(usage.at * 1e9))}
    if most is not None:
        found["availableBytes"] = max(0, most - usage.working_set_bytes)
    found |= {
        "usageBytes": usage.memory_bytes,
        "workingSetBytes": usage.working_set_bytes,
        "rssBytes": usage.rss_bytes,
        "pageFaults": usage.page_faults,
        "majorPageFaults": usage.major_page_faults,
    }
    return {"memory": found}


def _network(interfaces: Sequence[Interface], time: str) -> Object:
    if not interfaces:
        return {}
    shown = [_interface(each) for each in interfaces]
    default: Object = next((each for each in shown if each["name"] == _DEFAULT_INTERFACE), {"name": ""})
    return {"network": {"time": time, **default, "interfaces": shown}}


def _interface(interface: Interface) -> Object:
    return {
        "name": interface.name,
        "rxBytes": interface.rx_bytes,
        "rxErrors": interface.rx_errors,
        "txBytes": interface.tx_bytes,
        "txErrors": interface.tx_errors,
    }


def _filesystem(found: Filesystem) -> Object:
    return {
        "availableBytes": found.available_bytes,
        "capacityBytes": found.capacity_bytes,
        "inodesFree": found.inodes_free,
        "inodes": found.inodes,
    }


def _used(usage: DiskUsage) -> Object:
    return {"usedBytes": usage.bytes, "inodesUsed": usage.inodes}
