from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.kubelet.stats.reader import RuntimeDisks
from podbay.kubelet.stats.samples import DiskUsage, PodDisks, PodSample, Sample, VolumeUsage
from tests.unit.kubelet.stats.samples import DISK, sample
from tests.unit.kubelet.support import House, condition, house, pod


class Measured:
    """A reader that says of every pod's volume what a test wants."""

    def __init__(self) -> None:
        self.volume_bytes = 0
        self.walks = 0

    def read(self, pods: Sequence[Any], disks: RuntimeDisks | None) -> Sample:
        self.walks += disks is not None
        used = VolumeUsage(used=DiskUsage(bytes=self.volume_bytes), filesystem=DISK)
        found = PodDisks(at=0.0, volumes={"v": used})
        return sample(*(PodSample(pod=each, usage=None, disks=found) for each in pods))


@pytest.fixture
def reader() -> Measured:
    return Measured()


@pytest.fixture
async def home(reader: Measured) -> AsyncIterator[House]:
    async with house() as made:
        await made.kill_kubelet()
        made.reader = reader
        await made.start_kubelet()
        yield made


def limited(**spec: Any) -> dict[str, Any]:
    return pod(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}], **spec)


MESSAGE = 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '


async def test_a_pod_that_has_too_much_fails_with_the_reason_and_an_event(home: House, reader: Measured) -> None:
    await home.run(limited())
    await home.pass_time(30)
    assert (await home.status())["phase"] == "Running"
    reader.volume_bytes = 2 << 20
    await home.pass_time(25)
    status = await home.status()
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Evicted", MESSAGE)
    assert condition(status, "Ready")["reason"] == "PodFailed"
    assert "terminated" in status["containerStatuses"][0]["state"]
    assert ("Warning", "Evicted", MESSAGE) in await home.told()


async def test_an_evicted_pod_has_a_second_to_end_and_stays_ended(home: House, reader: Measured) -> None:
    await home.run(limited(terminationGracePeriodSeconds=600))
    reader.volume_bytes = 2 << 20
    await home.pass_time(30)
    assert (await home.status())["phase"] == "Failed"
    await home.kill_kubelet()
    await home.start_kubelet()
    await home.pass_time(60)
    status = await home.status()
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert (await home.reasons()).count("Evicted") == 1


async def test_a_pod_that_the_cluster_cannot_do_without_stays(home: House, reader: Measured) -> None:
    reader.volume_bytes = 2 << 20
    critical = limited(priorityClassName="system-node-critical")
    critical["metadata"]["namespace"] = "kube-system"
    await home.run(critical)
    await home.pass_time(60)
    found = await home.admin.get(PODS, "p", namespace="kube-system")
    assert found["status"]["phase"] == "Running"


async def test_nothing_is_walked_for_pods_without_limits(home: House, reader: Measured) -> None:
    await home.run(pod())
    await home.pass_time(60)
    assert reader.walks == 0
