"""Who goes first when the node has too little of something, and what is said about it.

Pure. Takes what was measured of each pod and the threshold; gives an order and a message.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#pod-selection-for-kubelet-eviction
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from podbay.api.pod_containers import each_container
from podbay.api.pod_resources import pod_amounts
from podbay.api.quantity import Format, Quantity
from podbay.kubelet.eviction.thresholds import Observation, Threshold
from podbay.kubelet.stats.samples import ContainerSample, DiskUsage, PodSample
from podbay.kubelet.stats.summary import ephemeral_volumes, logs_of


def ranked(pods: Iterable[PodSample], threshold: Threshold, *, has_own_image_filesystem: bool) -> list[PodSample]:
    """Return pods, the one that goes first before the others.

    First those that use more than they asked for, then by priority, then by how much more they use; processes are
    asked for by nobody. A pod that was not measured goes before all others.
    """
    resource = threshold.resource
    if resource == "pids":
        return sorted(pods, key=lambda pod: (_priority(pod), -pod.processes))
    used = _usage(threshold, has_own_image_filesystem=has_own_image_filesystem)
    asked_for = "ephemeral-storage" if resource == "inodes" else resource

    def key(pod: PodSample) -> tuple[bool, bool, int, int]:
        usage = used(pod)
        if usage is None:
            return (False, False, _priority(pod), 0)
        exceeds = usage > (0 if resource == "inodes" else _request(pod, resource))
        return (True, not exceeds, _priority(pod), _request(pod, asked_for) - usage)

    return sorted(pods, key=key)


def message(pod: PodSample, threshold: Threshold, seen: Mapping[str, Observation]) -> str:
    """Return why a pod has to go."""
    resource, observed = threshold.resource, seen[threshold.signal]
    text = f"The node was low on resource: {resource}. "
    available = Quantity.of(observed.available, observed.form)
    text += f"Threshold quantity: {threshold.amount.of(observed.capacity)}, available: {available}. "
    requests = {
        container["name"]: Quantity.parse(((container.get("resources") or {}).get("requests") or {}).get(resource, "0"))
        for kind, container in each_container(pod.pod["spec"])
        if kind != "ephemeralContainers"
    }
    for container in pod.containers:
        used = _of_container(pod, container, resource)
        request = requests.get(container.name)
        if used is not None and request is not None and Quantity.of(used) > request:
            shown = Quantity.of(used, Format.BINARY_SI)
            text += (
                f"Container {container.name} was using {shown}, request is {request},"
                f" has larger consumption of {resource}. "
            )
    return text


def _of_container(pod: PodSample, container: ContainerSample, resource: str) -> int | None:
    if resource == "memory" and container.usage is not None:
        return container.usage.working_set_bytes
    if resource == "ephemeral-storage" and container.layer is not None and pod.disks is not None:
        return container.layer.bytes + logs_of(pod, container).bytes
    return None


def _usage(threshold: Threshold, *, has_own_image_filesystem: bool) -> Callable[[PodSample], int | None]:
    if threshold.resource == "memory":
        return lambda pod: pod.usage.working_set_bytes if pod.usage is not None else None
    of_images = threshold.signal.startswith("imagefs.")
    layers = of_images or not has_own_image_filesystem
    others = not of_images or not has_own_image_filesystem

    def used(pod: PodSample) -> int | None:
        if pod.disks is None:
            return None
        total = DiskUsage()
        for container in pod.containers:
            if layers and container.layer is not None:
                total += container.layer
            if others:
                total += logs_of(pod, container)
        for name in ephemeral_volumes(pod.pod) if others else ():
            if name in pod.disks.volumes:
                total += pod.disks.volumes[name].used
        return total.inodes if threshold.resource == "inodes" else total.bytes

    return used


def _priority(pod: PodSample) -> int:
    return int(pod.pod["spec"].get("priority") or 0)


def _request(pod: PodSample, resource: str) -> int:
    def amounts(container: Mapping[str, Any]) -> dict[str, int]:
        requests = (container.get("resources") or {}).get("requests") or {}
        return {resource: Quantity.parse(requests[resource]).value} if resource in requests else {}

    return pod_amounts(pod.pod["spec"], amounts).get(resource, 0)
