from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from podbay.api.resources import NODES, PODS
from podbay.kubelet.stats.reader import RuntimeDisks
from podbay.kubelet.stats.samples import DiskUsage, PodDisks, PodSample, Sample, VolumeUsage
from tests.unit.kubelet.stats.samples import DISK, container, sample, usage
from tests.unit.kubelet.support import NODE, House, condition, house, pod


class Measured:
    """A reader that says of every pod's volume what a test wants."""

    def __init__(self) -> None:
        self.volume_bytes = 0
        self.walks = 0
        self.memory_bytes = 1 << 30
        self.disk = DISK

    def read(self, pods: Sequence[Any], disks: RuntimeDisks | None) -> Sample:
        self.walks += disks is not None and disks.layers is not None
        used = VolumeUsage(used=DiskUsage(bytes=self.volume_bytes), filesystem=DISK)
        found = PodDisks(at=0.0, volumes={"v": used})
        measured = (
            PodSample(
                pod=each, usage=usage(memory=1 << 20), disks=found, containers=(container("main", memory=1 << 20),)
            )
            for each in pods
        )
        return sample(*measured, usage=usage(memory=self.memory_bytes), filesystem=self.disk)


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


async def pressures(home: House) -> dict[str, tuple[str, str]]:
    status = (await home.admin.get(NODES, NODE))["status"]
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure")
    found = {kind: condition(status, kind) for kind in kinds}
    return {kind: (each["status"], each["reason"]) for kind, each in found.items()}


async def test_a_node_low_on_memory_says_so_and_one_pod_goes_at_a_time(home: House, reader: Measured) -> None:
    await home.run(pod("a"), pod("b"))
    reader.memory_bytes = (8 << 30) - (50 << 20)
    await home.pass_time(12)
    assert (await pressures(home))["MemoryPressure"] == ("True", "KubeletHasInsufficientMemory")
    phases = [(await home.status(name))["phase"] for name in ("a", "b")]
    assert sorted(phases) == ["Failed", "Running"]
    gone = await home.status("a" if phases[0] == "Failed" else "b")
    assert gone["reason"] == "Evicted"
    assert gone["message"] == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container main was using 1Mi, request is 0, has larger consumption of memory. "
    )
    disruption = condition(gone, "DisruptionTarget")
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    assert [reason for _, reason, _ in await home.told(NODE)] == ["NodeHasInsufficientMemory", "EvictionThresholdMet"]


async def test_a_pressure_that_is_over_is_told_after_five_minutes(home: House, reader: Measured) -> None:
    reader.memory_bytes = 8 << 30
    await home.pass_time(12)
    reader.memory_bytes = 0
    await home.pass_time(280)
    assert (await pressures(home))["MemoryPressure"][0] == "True"
    await home.pass_time(40)
    assert (await pressures(home))["MemoryPressure"] == ("False", "KubeletHasSufficientMemory")


async def test_a_node_low_on_memory_refuses_pods_that_ask_for_none(home: House, reader: Measured) -> None:
    reader.memory_bytes = 8 << 30
    await home.pass_time(12)
    await home.run(pod())
    status = await home.status()
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "


async def test_a_disk_that_litter_filled_is_cleaned_and_nobody_goes(
    home: House, reader: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []

    async def remove_litter() -> None:
        cleaned.append("all")
        reader.disk = DISK

    monkeypatch.setattr(home.kubelet, "remove_litter", remove_litter)
    await home.run(pod())
    reader.disk = replace(DISK, available_bytes=5 << 30)
    await home.pass_time(35)
    assert cleaned == ["all"]
    assert (await home.status())["phase"] == "Running"
    assert (await pressures(home))["DiskPressure"][0] == "True"


async def test_a_node_low_on_disk_lets_the_largest_go(home: House, reader: Measured) -> None:
    await home.run(pod())
    reader.disk = replace(DISK, available_bytes=5 << 30)
    await home.pass_time(12)
    assert (await pressures(home))["DiskPressure"] == ("True", "KubeletHasDiskPressure")
    status = await home.status()
    assert status["reason"] == "Evicted"
    assert status["message"].startswith("The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi")
