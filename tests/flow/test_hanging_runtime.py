"""A runtime that answers late or not at all: what a pod says then, and that it can be deleted all the same."""

from typing import Any

from podbay.api.resources import PODS
from podbay.cri.fake import Timing
from tests.flow.cluster import Cluster, pod

LATE = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"


def hang(cluster: Cluster, method: str, **timing: float) -> None:
    """Have one call hang until its caller gives it up."""
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(**timing)
    runtime.fail(method, "DEADLINE_EXCEEDED", "context deadline exceeded")


async def waiting(cluster: Cluster) -> dict[str, str]:
    state: dict[str, Any] = (await cluster.pod("p"))["status"]["containerStatuses"][0]["state"]
    found: dict[str, str] = state["waiting"]
    return found


async def test_a_container_that_was_not_made_in_time_is_told_and_tried_again(cluster: Cluster) -> None:
    hang(cluster, "create_container", create_s=120)
    await cluster.create(pod("p"))
    await cluster.pass_time(119)
    assert await waiting(cluster) == {"reason": "ContainerCreating"}
    await cluster.pass_time(1)
    assert await waiting(cluster) == {"reason": "CreateContainerError", "message": "context deadline exceeded"}
    assert ("Failed", "Error: context deadline exceeded", 1) in await cluster.events_of("p")
    await cluster.until_running("p", within_s=130)


async def test_a_pod_can_be_deleted_while_its_container_is_not_made(cluster: Cluster) -> None:
    hang(cluster, "create_container", create_s=120)
    await cluster.create(pod("p"))
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.pass_time(4)
    assert await cluster.exists(PODS, "p", "default")
    await cluster.pass_time(1)
    assert not await cluster.exists(PODS, "p", "default")
    assert await cluster.runtimes["node-1"].sandboxes() == []


async def test_a_container_that_is_nearly_made_is_left_to_be_made_before_its_pod_ends(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].timing = Timing(create_s=3)
    await cluster.create(pod("p"))
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.pass_time(5)
    assert not await cluster.exists(PODS, "p", "default")
    assert "start_container" in cluster.runtimes["node-1"].calls


async def test_a_container_that_could_not_be_stopped_ends_with_its_sandbox(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    cluster.runtimes["node-1"].fail("stop_container", "DEADLINE_EXCEEDED", "context deadline exceeded")
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.settle()
    told = f'error killing pod: failed to "KillContainer" for "main" with KillContainerError: "{LATE}"'
    assert ("FailedKillPod", told, 1) in await cluster.events_of("p")
    await cluster.pass_time(2)
    assert not await cluster.exists(PODS, "p", "default")
    assert cluster.runtimes["node-1"].calls.count("stop_container") == 1


async def test_a_sandbox_that_could_not_be_stopped_is_told_and_stopped_later(cluster: Cluster) -> None:
    made = await cluster.create(pod("p"))
    cluster.runtimes["node-1"].fail("stop_sandbox", "UNKNOWN", "network is busy")
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.settle()
    why = '"rpc error: code = Unknown desc = network is busy"'
    told = f'failed to "KillPodSandbox" for "{made["metadata"]["uid"]}" with KillPodSandboxError: {why}'
    assert ("FailedKillPod", f"error killing pod: {told}", 1) in await cluster.events_of("p")
    await cluster.pass_time(2)
    assert not await cluster.exists(PODS, "p", "default")
