from typing import Any

import pytest

from podbay.kubelet.eviction.ranking import message, ranked
from podbay.kubelet.eviction.thresholds import Observation, Threshold, parse_thresholds
from podbay.kubelet.stats.samples import DiskUsage, PodDisks, PodSample, VolumeUsage
from tests.unit.kubelet.stats.samples import DISK, container, manifest, sampled

MI = 1 << 20


def threshold(signal: str, text: str = "100Mi") -> Threshold:
    (found,) = parse_thresholds({signal: text}, {}, {}, {})
    return found


def pod(
    name: str,
    *,
    memory: int = 0,
    layer: int = 0,
    volume: int = 0,
    request: str = "",
    resource: str = "memory",
    priority: int = 0,
    processes: int = 0,
) -> PodSample:
    requests = {resource: request} if request else {}
    spec: dict[str, Any] = {"containers": [{"name": "c", "resources": {"requests": requests}}], "priority": priority}
    spec["volumes"] = [{"name": "v", "emptyDir": {}}]
    volumes = {"v": VolumeUsage(used=DiskUsage(bytes=volume * MI, inodes=volume), filesystem=DISK)}
    return sampled(
        manifest(name, **spec),
        container("c", memory=memory * MI, layer=layer * MI),
        disks=PodDisks(at=0.0, volumes=volumes),
        processes=processes,
    )


def order(signal: str, *pods: PodSample, elsewhere: bool = False) -> list[str]:
    found = ranked(pods, threshold(signal), has_own_image_filesystem=elsewhere)
    return [each.pod["metadata"]["name"] for each in found]


def test_who_uses_more_than_it_asked_for_goes_before_whoever_does_not() -> None:
    modest = pod("modest", memory=90, request="100Mi", priority=-10)
    greedy = pod("greedy", memory=20, request="10Mi", priority=10)
    assert order("memory.available", modest, greedy) == ["greedy", "modest"]


def test_then_the_lower_priority_and_then_the_larger_excess_goes_first() -> None:
    pods = [
        pod("high", memory=500, priority=5),
        pod("small", memory=110, request="100Mi"),
        pod("large", memory=30),
    ]
    assert order("memory.available", *pods) == ["large", "small", "high"]


def test_a_pod_that_was_not_measured_goes_first() -> None:
    unknown = PodSample(pod=manifest("unknown", priority=100), usage=None)
    assert order("memory.available", pod("known", memory=900), unknown) == ["unknown", "known"]


def test_disks_count_layers_logs_and_volumes() -> None:
    both = [pod("layers", layer=5), pod("volumes", volume=9)]
    assert order("nodefs.available", *both) == ["volumes", "layers"]


@pytest.mark.parametrize(("signal", "first"), [("nodefs.available", "volumes"), ("imagefs.available", "layers")])
def test_where_images_are_elsewhere_each_disk_is_for_its_own(signal: str, first: str) -> None:
    both = [pod("layers", layer=50, volume=1), pod("volumes", layer=1, volume=40)]
    assert order(signal, *both, elsewhere=True)[0] == first


def test_inodes_are_asked_for_by_nobody() -> None:
    asked = pod("asked", volume=9, request="1Gi", resource="ephemeral-storage")
    assert order("nodefs.inodesFree", pod("some", volume=3), asked) == ["some", "asked"]


def test_processes_go_by_priority_and_count() -> None:
    pods = [pod("few", processes=2), pod("many", processes=50), pod("high", processes=90, priority=1)]
    assert order("pid.available", *pods) == ["many", "few", "high"]


def test_a_message_tells_the_threshold_and_who_is_to_blame() -> None:
    seen = {"memory.available": Observation(50 * MI, 8 << 30)}
    greedy = pod("greedy", memory=20, request="10Mi")
    assert message(greedy, threshold("memory.available"), seen) == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container c was using 20Mi, request is 10Mi, has larger consumption of memory. "
    )
    modest = pod("modest", memory=20, request="30Mi")
    assert message(modest, threshold("memory.available"), seen).endswith("available: 50Mi. ")


def test_a_message_about_a_disk_tells_what_was_written() -> None:
    seen = {"nodefs.available": Observation(500 * 1024, 1 << 30)}
    found = message(pod("p", layer=3), threshold("nodefs.available", "10%"), seen)
    assert found == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 107374182, available: 500Ki. "
        "Container c was using 3Mi, request is 0, has larger consumption of ephemeral-storage. "
    )
