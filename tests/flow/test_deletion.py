"""Deleting a pod at every stage of its life: it goes, nothing of it stays, and it takes the time that it was given."""

from typing import Any

import pytest

from podbay.api.errors import AlreadyExists
from podbay.api.resources import PODS
from podbay.cri.fake import Timing
from podbay.cri.fake.behaviour import Behaviour
from podbay.cri.runtime import ContainerState
from tests.flow.cluster import Cluster, pod


async def delete(cluster: Cluster, name: str = "p", grace_s: int | None = None) -> None:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if grace_s is not None:
        options["gracePeriodSeconds"] = grace_s
    await cluster.rest.delete(PODS, name, namespace="default", options=options)
    await cluster.settle()


async def gone_at(cluster: Cluster, name: str = "p", within_s: float = 100) -> float:
    """Return when a pod is gone from the API server and from its node."""

    async def gone() -> bool:
        runtime = cluster.runtimes["node-1"]
        left = await runtime.sandboxes() or await runtime.containers()
        return not left and not await cluster.exists(PODS, name, "default")

    return await cluster.until(gone, within_s=within_s)


async def test_before_it_has_a_node(cluster: Cluster) -> None:
    await cluster.create(pod("p", nodeSelector={"gpu": "true"}))
    await delete(cluster)
    assert await gone_at(cluster) == 0
    await cluster.label_node("node-1", gpu="true")
    await cluster.pass_time(30)
    assert "run_sandbox" not in cluster.runtimes["node-1"].calls


@pytest.mark.parametrize("slow", ["sandbox_s", "create_s", "start_s", "pull_s"])
async def test_while_it_is_being_made(cluster: Cluster, slow: str) -> None:
    cluster.runtimes["node-1"].timing = Timing(**{slow: 20.0})
    await cluster.create(pod("p", terminationGracePeriodSeconds=5))
    await cluster.pass_time(10)
    await delete(cluster)
    assert await gone_at(cluster) <= (10 if slow == "pull_s" else 25)


async def test_while_its_sandbox_cannot_be_made(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].fail("run_sandbox", "UNKNOWN", "no", times=100)
    await cluster.create(pod("p"))
    await cluster.pass_time(10)
    await delete(cluster)
    assert await gone_at(cluster) == 10


async def test_while_it_waits_for_its_configuration(cluster: Cluster) -> None:
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "a"}}}]
    await cluster.create(pod("p", container={"env": env}))
    await cluster.pass_time(3)
    await delete(cluster)
    assert await gone_at(cluster) == 3


async def test_while_it_waits_for_its_back_off(cluster: Cluster) -> None:
    await cluster.create(pod("p", "false"))
    await cluster.pass_time(100)
    await delete(cluster)
    assert await gone_at(cluster) == 100


async def test_after_it_has_ended(cluster: Cluster) -> None:
    await cluster.create(pod("p", "true", restartPolicy="Never"))
    assert await cluster.phase("p") == "Succeeded"
    await delete(cluster)
    assert await gone_at(cluster) == 0


async def test_a_second_time_with_less_grace(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity"))
    await delete(cluster, grace_s=600)
    await cluster.pass_time(5)
    await delete(cluster, grace_s=10)
    assert await gone_at(cluster) == 15


async def test_a_second_time_with_more_grace_changes_nothing(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity"))
    await delete(cluster, grace_s=10)
    await delete(cluster, grace_s=600)
    assert await gone_at(cluster) == 10


async def test_by_force_it_is_gone_at_once_and_stops_with_its_own_grace(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity", terminationGracePeriodSeconds=20))
    await delete(cluster, grace_s=0)
    assert not await cluster.exists(PODS, "p", "default")
    assert [c.state for c in await cluster.runtimes["node-1"].containers()] == [ContainerState.RUNNING]
    assert await gone_at(cluster) == 20


async def test_while_it_terminates_a_container_that_ends_is_not_started_again(cluster: Cluster) -> None:
    both = pod("p", "sleep", "infinity", terminationGracePeriodSeconds=20)
    both["spec"]["containers"].append({"name": "other", "image": "i:1"})
    await cluster.create(both)
    await delete(cluster)
    assert cluster.runtimes["node-1"].calls.count("start_container") == 2
    assert await gone_at(cluster) == 20
    assert cluster.runtimes["node-1"].calls.count("start_container") == 2


async def test_the_last_status_says_how_every_container_ended(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].behaviour = lambda config: Behaviour(term_code=7, term_s=2)
    await cluster.create(pod("p"))
    seen: list[dict[str, Any]] = []

    async with cluster.watching(PODS, "default", seen):
        await delete(cluster)
        await gone_at(cluster)
    last = seen[-1]
    assert last["type"] == "DELETED"
    status = last["object"]["status"]
    assert status["phase"] == "Failed"
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["finishedAt"]) == (7, "2026-01-01T00:00:02Z")


async def test_a_pod_made_again_under_its_name_is_another_and_runs(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity", terminationGracePeriodSeconds=20))
    first = await cluster.pod("p")
    await delete(cluster, grace_s=0)
    await cluster.create(pod("p"))
    second = await cluster.pod("p")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert (second["status"]["phase"], second["status"]["containerStatuses"][0]["restartCount"]) == ("Running", 0)
    assert second["status"]["podIP"] != first["status"]["podIP"]
    await cluster.pass_time(30)  # the first one's end does not touch the second
    assert (await cluster.pod("p"))["status"] == second["status"]
    assert len(await cluster.runtimes["node-1"].sandboxes()) == 1


async def test_a_name_is_not_free_while_its_pod_terminates(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity", terminationGracePeriodSeconds=20))
    await delete(cluster)
    with pytest.raises(AlreadyExists) as caught:
        await cluster.rest.create(PODS, pod("p"), namespace="default")
    assert caught.value.message == 'object is being deleted: pods "p" already exists'
    await gone_at(cluster)
    await cluster.create(pod("p"))
    assert await cluster.phase("p") == "Running"


async def test_ten_times_deleted_and_made_again_without_a_pause(cluster: Cluster) -> None:
    for _ in range(10):
        await cluster.rest.create(PODS, pod("p"), namespace="default")
        await cluster.rest.delete(PODS, "p", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.create(pod("p"))
    await cluster.pass_time(60)
    assert await cluster.phase("p") == "Running"
    assert len(await cluster.runtimes["node-1"].sandboxes()) == 1


async def test_while_the_kubelet_is_away(cluster: Cluster) -> None:
    await cluster.create(pod("soft", terminationGracePeriodSeconds=5))
    await cluster.create(pod("hard"))
    await cluster.kubelets["node-1"].kill()
    await delete(cluster, "soft")
    await delete(cluster, "hard", grace_s=0)
    await cluster.pass_time(20)
    assert await cluster.exists(PODS, "soft", "default")  # only its kubelet may say that it has ended
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    await gone_at(cluster, "soft")
    assert not await cluster.exists(PODS, "hard", "default")


async def test_while_the_runtime_is_away(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    cluster.runtimes["node-1"].go_down()
    await delete(cluster)
    await cluster.pass_time(20)
    assert await cluster.exists(PODS, "p", "default")
    cluster.runtimes["node-1"].come_back()
    await gone_at(cluster)


async def test_a_terminating_pod_of_a_killed_kubelet_keeps_to_its_grace(cluster: Cluster) -> None:
    await cluster.create(pod("p", "sleep", "infinity", terminationGracePeriodSeconds=20))
    await delete(cluster)
    await cluster.kubelets["node-1"].kill()
    await cluster.pass_time(5)
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    assert await gone_at(cluster) <= 25
