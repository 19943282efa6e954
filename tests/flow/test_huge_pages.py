"""Huge pages, seen from outside: who gets them, who waits for them, and what containers are told to have."""

from dataclasses import replace
from typing import Any

import pytest

from podbay.api.resources import NODES
from tests.flow.cluster import MACHINE, Cluster, condition, pod

Object = dict[str, Any]
HUGE = replace(MACHINE, huge_pages={2 << 20: 8, 1 << 30: 1})
NO_USE = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
NO_VICTIMS = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."


def asking(name: str, amount: str = "8Mi", medium: str = "", size: str = "2Mi", **spec: Any) -> Object:
    amounts = {"cpu": "100m", f"hugepages-{size}": amount}
    container: Object = {"resources": {"limits": amounts}}
    volumes = [{"name": "v", "emptyDir": {"medium": medium}}] if medium else []
    return pod(name, container=container, volumes=volumes, **spec)


async def waits(cluster: Cluster, name: str) -> str:
    return str(condition(await cluster.pod(name), "PodScheduled")["message"])


async def test_a_node_tells_of_its_huge_pages_and_has_less_memory_for_them(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1", machine=HUGE)
    status = (await empty_cluster.rest.get(NODES, "node-1"))["status"]
    for told in (status["capacity"], status["allocatable"]):
        assert (told["hugepages-2Mi"], told["hugepages-1Gi"]) == ("16Mi", "1Gi")
    assert status["capacity"]["memory"] == "8Gi"
    assert status["allocatable"]["memory"] == f"{(7 << 10) - 16}Mi"


async def test_a_node_whose_machine_has_other_pages_now_forgets_the_old_ones(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1", machine=HUGE)
    await cluster.kubelets["node-1"].kill()
    await cluster.runtimes["node-1"].shut_down()
    await cluster.add_node("node-1", machine=replace(MACHINE, huge_pages={2 << 20: 4}))
    status = (await cluster.rest.get(NODES, "node-1"))["status"]
    for told in (status["capacity"], status["allocatable"]):
        assert {name: amount for name, amount in told.items() if "huge" in name} == {"hugepages-2Mi": "8Mi"}


async def test_a_pod_waits_for_huge_pages_that_no_node_has(cluster: Cluster) -> None:
    await cluster.create(asking("web"))
    assert await waits(cluster, "web") == f"0/1 nodes are available: 1 Insufficient hugepages-2Mi. {NO_USE}"
    assert [reason for reason, _, _ in await cluster.events_of("web")] == ["FailedScheduling"]
    await cluster.create(asking("odd", "32Mi", size="32Mi"))  # of which the machine knows nothing
    assert await waits(cluster, "odd") == f"0/1 nodes are available: 1 Insufficient hugepages-32Mi. {NO_USE}"


async def test_pods_get_huge_pages_until_there_are_none_left(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1", machine=HUGE)
    for name in ("one", "two"):
        await cluster.create(asking(name))
        assert await cluster.phase(name) == "Running"
    await cluster.create(asking("three", "2Mi"))
    assert await waits(cluster, "three") == f"0/1 nodes are available: 1 Insufficient hugepages-2Mi. {NO_VICTIMS}"
    await cluster.create(asking("forced", "2Mi", nodeName="node-1"))
    status = (await cluster.pod("forced"))["status"]
    assert (status["phase"], status["reason"], status["message"]) == (
        "Failed",
        "OutOfhugepages-2Mi",
        "Pod was rejected: Node didn't have enough resource: hugepages-2Mi, requested: 2097152, used: 16777216,"
        " capacity: 16777216",
    )


async def test_a_container_is_limited_to_the_pages_that_it_asks_for(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1", machine=HUGE)
    await empty_cluster.create(asking("web"))
    await empty_cluster.create(pod("plain"))
    limits = [config.resources.huge_pages for config in empty_cluster.runtimes["node-1"].configs.values()]
    assert limits == [(("2MB", 8 << 20), ("1GB", 0)), (("2MB", 0), ("1GB", 0))]


@pytest.mark.parametrize(
    ("medium", "why"),
    [
        ("HugePages", ""),
        ("HugePages-2Mi", ""),
        (
            "HugePages-1Gi",
            "medium HugePages-1Gi: hugePages storage requested, but there is no resource request for huge pages",
        ),
        ("Tape", 'unknown storage medium "Tape"'),
    ],
)
async def test_a_directory_is_in_huge_pages_or_its_pod_is_told_why_not(
    empty_cluster: Cluster, medium: str, why: str
) -> None:
    await empty_cluster.add_node("node-1", machine=HUGE)
    await empty_cluster.create(asking("web", medium=medium))
    told = {(reason, message) for reason, message, _ in await empty_cluster.events_of("web")}
    assert (("FailedMount", f'MountVolume.SetUp failed for volume "v" : {why}') in told) == bool(why)
    assert await empty_cluster.phase("web") == ("Pending" if why else "Running")
