from typing import Any

import pytest

from podbay.kubelet.eviction.local_storage import excess, has_limit
from podbay.kubelet.stats.samples import DiskUsage, PodDisks, VolumeUsage
from tests.unit.kubelet.stats.samples import DISK, container, manifest, sampled

MI = 1 << 20


def limited(limit: str | None, *, size_limit: str | None = None, init: str | None = None) -> dict[str, Any]:
    resources = {"limits": {"ephemeral-storage": limit}} if limit else {}
    source = {"sizeLimit": size_limit} if size_limit else {}
    spec: dict[str, Any] = {"volumes": [{"name": "v", "emptyDir": source}]}
    if init:
        spec["initContainers"] = [{"name": "i", "resources": {"limits": {"ephemeral-storage": init}}}]
    return manifest(containers=[{"name": "c", "resources": resources}, {"name": "free"}], **spec)


def told(pod: dict[str, Any], *, layer: int = 0, log: int = 0, volume: int = 0, elsewhere: bool = False) -> str | None:
    used = VolumeUsage(used=DiskUsage(bytes=volume), filesystem=DISK)
    disks = PodDisks(at=0.0, logs={"c": DiskUsage(bytes=log)}, volumes={"v": used})
    both = (container("c", layer=layer), container("free"))
    return excess(sampled(pod, *both, disks=disks), has_own_image_filesystem=elsewhere)


def test_a_volume_may_be_as_large_as_its_limit_and_no_larger() -> None:
    pod = limited(None, size_limit="1024Ki")
    assert told(pod, volume=MI) is None
    assert told(pod, volume=MI + 1) == 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '


@pytest.mark.parametrize("size_limit", [None, "0"])
def test_a_volume_without_a_limit_may_have_everything(size_limit: str | None) -> None:
    pod = limited(None, size_limit=size_limit)
    assert told(pod, volume=1 << 40) is None
    assert not has_limit(pod)


def test_a_pod_has_layers_logs_and_volumes_together_within_its_limits() -> None:
    pod = limited("3Mi")
    assert told(pod, layer=MI, log=MI, volume=MI) is None
    assert (
        told(pod, layer=MI, log=MI, volume=MI + 1)
        == "Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. "
    )


def test_a_container_has_its_layer_and_its_log_within_its_own_limit() -> None:
    pod = limited("1Mi", init="8Mi")  # the pod may have what its largest init container may
    assert told(pod, layer=MI) is None
    assert told(pod, layer=MI, log=1) == 'Container c exceeded its local ephemeral storage limit "1Mi". '


def test_a_layer_on_a_file_system_of_its_own_is_not_on_the_nodes_disk() -> None:
    pod = limited("1Mi", init="8Mi")
    assert told(pod, layer=2 * MI, elsewhere=True) is None
    assert told(pod, log=2 * MI, elsewhere=True) is not None


def test_what_was_not_measured_yet_is_no_excess() -> None:
    pod = limited("1Mi", size_limit="1Mi")
    assert has_limit(pod)
    assert excess(sampled(pod), has_own_image_filesystem=False) is None
