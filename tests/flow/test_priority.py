"""Priorities, seen from outside: what a class makes of a pod, and who has to go for whom."""

from typing import Any

import pytest

from podbay.api.errors import Forbidden
from podbay.api.resources import PODS, PRIORITY_CLASSES
from tests.flow.cluster import Cluster, condition, pod

BIG = {"resources": {"requests": {"cpu": "3"}}}


async def make_class(cluster: Cluster, name: str, value: int, **more: Any) -> None:
    await cluster.rest.create(PRIORITY_CLASSES, {"metadata": {"name": name}, "value": value, **more})


async def test_every_cluster_has_the_systems_classes_and_keeps_them(cluster: Cluster) -> None:
    found = {c["metadata"]["name"]: c["value"] for c in (await cluster.rest.list(PRIORITY_CLASSES))["items"]}
    assert found == {"system-cluster-critical": 2000000000, "system-node-critical": 2000001000}
    with pytest.raises(Forbidden) as refused:
        await cluster.rest.delete(PRIORITY_CLASSES, "system-node-critical")
    assert str(refused.value) == (
        'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and'
        " cannot be deleted"
    )


async def test_a_class_gives_a_pod_its_number(cluster: Cluster) -> None:
    await make_class(cluster, "high", 1000, preemptionPolicy="Never")
    made = await cluster.create(pod("web", priorityClassName="high"))
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (1000, "Never")
    plain = await cluster.create(pod("plain"))
    assert (plain["spec"]["priority"], plain["spec"].get("priorityClassName")) == (0, None)
    await make_class(cluster, "usual", 7, globalDefault=True)
    usual = await cluster.create(pod("usual"))
    assert (usual["spec"]["priority"], usual["spec"]["priorityClassName"]) == (7, "usual")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"priorityClassName": "none"}, "no PriorityClass with name none was found"),
        (
            {"priority": 5},
            "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed"
            " 0 from the given PriorityClass name",
        ),
        (
            {"preemptionPolicy": "Never"},
            "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission"
            " controller computed PreemptLowerPriority from the given PriorityClass name",
        ),
    ],
)
async def test_a_pod_cannot_name_its_own_number(cluster: Cluster, spec: dict[str, Any], why: str) -> None:
    with pytest.raises(Forbidden) as refused:
        await cluster.create(pod("web", **spec))
    assert str(refused.value) == f'pods "web" is forbidden: {why}'


async def test_there_is_one_default_at_most(cluster: Cluster) -> None:
    await make_class(cluster, "usual", 7, globalDefault=True)
    with pytest.raises(Forbidden) as refused:
        await make_class(cluster, "other", 8, globalDefault=True)
    assert str(refused.value).endswith("PriorityClass usual is already marked as default. Only one default can exist")


async def test_a_pod_of_high_priority_takes_the_place_of_a_low_one(cluster: Cluster) -> None:
    await make_class(cluster, "high", 1000)
    low = await cluster.create(pod("low", "sleep", "infinity", container=BIG, terminationGracePeriodSeconds=5))
    high = await cluster.create(pod("high", container=BIG, priorityClassName="high"))
    waiting = await cluster.pod("high")
    assert waiting["status"]["nominatedNodeName"] == "node-1"
    assert condition(waiting, "PodScheduled")["message"] == "0/1 nodes are available: 1 Insufficient cpu."
    victim = await cluster.pod("low")
    assert victim["metadata"]["deletionGracePeriodSeconds"] == 5
    assert condition(victim, "DisruptionTarget")["reason"] == "PreemptionByScheduler"
    assert condition(victim, "DisruptionTarget")["message"] == (
        "default-scheduler: preempting to accommodate a higher priority pod"
    )
    told = f"Preempted by pod {high['metadata']['uid']} on node node-1"
    assert ("Preempted", told, 1) in await cluster.events_of("low")
    await cluster.until_running("high")
    assert not await cluster.exists(PODS, "low", "default")
    assert low["spec"]["priority"] == 0


async def test_the_room_that_is_made_is_not_taken_by_another(cluster: Cluster) -> None:
    await make_class(cluster, "high", 1000)
    await cluster.create(pod("low", "sleep", "infinity", container=BIG, terminationGracePeriodSeconds=5))
    await cluster.create(pod("high", container=BIG, priorityClassName="high"))
    await cluster.create(pod("late", container=BIG))
    await cluster.until_running("high")
    assert await cluster.phase("late") == "Pending"
