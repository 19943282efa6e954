"""A pod that takes less makes room for one that waits to be scheduled."""

from typing import Any

from podbay.api.resources import PODS
from tests.flow.cluster import Cluster, condition, pod


def sized(name: str, cpu: str) -> dict[str, Any]:
    return pod(name, container={"resources": {"requests": {"cpu": cpu}}})


async def test_a_pod_that_waits_for_room_gets_it_when_another_is_resized(cluster: Cluster) -> None:
    await cluster.create(sized("large", "3"))
    await cluster.create(sized("waits", "2"))
    assert condition(await cluster.pod("waits"), "PodScheduled")["reason"] == "Unschedulable"
    patch = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]}}
    await cluster.rest.patch(PODS, "large", patch, namespace="default", subresource="resize")
    await cluster.pass_time(15)
    assert await cluster.phase("waits") == "Running"
