"""Whether a pod has more on the node's disk than it may.

Pure. Takes what was measured of a pod; gives the message of its eviction, or None.
Source: https://kubernetes.io/docs/concepts/storage/ephemeral-storage/#resource-emphemeralstorage-consumption ;
upstream's localStorageEviction.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.pod_resources import pod_amounts
from podbay.api.quantity import Quantity
from podbay.kubelet.stats.samples import PodSample
from podbay.kubelet.stats.summary import ephemeral_usage, logs_of

_STORAGE: Final = "ephemeral-storage"


def has_limit(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod's disks have to be watched at all."""
    return bool(_volume_limits(pod) or pod_amounts(pod["spec"], _limit))


def excess(sample: PodSample, *, has_own_image_filesystem: bool) -> str | None:
    """Return why a pod has to leave. What is written into layers is not on the node's disk if images are elsewhere."""
    return (
        _of_volumes(sample)
        or _of_pod(sample)
        or _of_containers(sample, counts_layers=not has_own_image_filesystem)
        or None
    )


def _of_volumes(sample: PodSample) -> str:
    volumes = sample.disks.volumes if sample.disks is not None else {}
    for name, limit in _volume_limits(sample.pod).items():
        if name in volumes and Quantity.of(volumes[name].used.bytes) > limit:
            return f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
    return ""


def _of_pod(sample: PodSample) -> str:
    limit = pod_amounts(sample.pod["spec"], _limit).get(_STORAGE)
    if limit is not None and Quantity.of(ephemeral_usage(sample).bytes) > limit:
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
    return ""


def _of_containers(sample: PodSample, *, counts_layers: bool) -> str:
    limits = {
        container["name"]: _limit(container)[_STORAGE]
        for container in sample.pod["spec"]["containers"]
        if _limit(container).get(_STORAGE)
    }
    for container in sample.containers:
        used = logs_of(sample, container).bytes
        if counts_layers and container.layer is not None:
            used += container.layer.bytes
        limit = limits.get(container.name)
        if limit is not None and Quantity.of(used) > limit:
            return f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def _volume_limits(pod: Mapping[str, Any]) -> dict[str, Quantity]:
    """Return the limits of a pod's empty directories; 0 is none."""
    given = {
        volume["name"]: Quantity.parse((volume.get("emptyDir") or {}).get("sizeLimit") or "0")
        for volume in pod["spec"].get("volumes") or ()
    }
    return {name: limit for name, limit in given.items() if limit}


def _limit(container: Mapping[str, Any]) -> dict[str, Quantity]:
    limits = (container.get("resources") or {}).get("limits") or {}
    return {_STORAGE: Quantity.parse(limits[_STORAGE])} if _STORAGE in limits else {}
