"""The kubelet, its runtime and its API server, each away at the worst moment: nothing is lost, doubled or restarted."""

from typing import Any

import pytest

from podbay.api.errors import NotFound
from podbay.api.resources import PODS
from podbay.cri.fake import Timing
from podbay.cri.runtime import ContainerState
from tests.flow.cluster import Cluster, condition, pod

STAGES = ["sandbox_s", "pull_s", "create_s", "start_s"]


async def runs_once(cluster: Cluster, name: str = "p", *, restarts: int = 0) -> None:
    """Check that a pod comes to run, in one sandbox and one container.

    ``restarts``: what is counted, as upstream counts, of containers that were made and seem not to have started.
    """
    await cluster.until_running(name, within_s=300)
    await cluster.pass_time(60)
    runtime = cluster.runtimes["node-1"]
    uid = (await cluster.pod(name))["metadata"]["uid"]
    label = {"io.kubernetes.pod.uid": uid}
    assert [s.ready for s in await runtime.sandboxes(label) if s.ready] == [True]
    assert [c.state for c in await runtime.containers(label)] == [ContainerState.RUNNING]
    assert (await cluster.pod(name))["status"]["containerStatuses"][0]["restartCount"] == restarts


@pytest.mark.parametrize("stage", STAGES)
async def test_a_kubelet_killed_while_it_makes_a_pod_goes_on_where_it_was(cluster: Cluster, stage: str) -> None:
    cluster.runtimes["node-1"].timing = Timing(**{stage: 10.0})
    await cluster.create(pod("p"))
    await cluster.pass_time(5)
    await cluster.kubelets["node-1"].kill()
    await cluster.pass_time(20)
    cluster.kubelets["node-1"].start()
    await runs_once(cluster, restarts=int(stage == "start_s"))


@pytest.mark.parametrize("stage", STAGES)
async def test_a_runtime_that_goes_while_it_makes_a_pod_makes_it_when_it_is_back(cluster: Cluster, stage: str) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(**{stage: 10.0})
    await cluster.create(pod("p"))
    await cluster.pass_time(5)
    runtime.go_down()
    await cluster.pass_time(30)
    runtime.come_back()
    await runs_once(cluster, restarts=int(stage == "create_s"))


async def test_a_kubelet_that_starts_while_the_runtime_is_away_waits_for_it(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    runtime = cluster.runtimes["node-1"]
    await cluster.kubelets["node-1"].kill()
    runtime.go_down()
    cluster.kubelets["node-1"].start()
    await cluster.pass_time(60)
    assert await cluster.phase("p") == "Running"  # nobody can say anything else
    runtime.come_back()
    runtime.calls.clear()
    await runs_once(cluster)
    assert "start_container" not in runtime.calls


async def test_what_happened_while_both_were_away_is_found(cluster: Cluster) -> None:
    await cluster.create(pod("keeps"))
    await cluster.create(pod("ends", "sleep", "10", restartPolicy="Never"))
    await cluster.create(pod("again", "sleep", "10"))
    await cluster.kubelets["node-1"].kill()
    cluster.runtimes["node-1"].go_down()
    await cluster.pass_time(15)
    cluster.runtimes["node-1"].come_back()
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    assert await cluster.phase("ends") == "Succeeded"
    again = (await cluster.pod("again"))["status"]["containerStatuses"][0]
    assert (again["restartCount"], again["lastState"]["terminated"]["exitCode"]) == (1, 0)
    keeps = (await cluster.pod("keeps"))["status"]["containerStatuses"][0]
    assert keeps["restartCount"] == 0


async def test_a_crash_loop_goes_on_after_the_kubelet_starts_again(cluster: Cluster) -> None:
    await cluster.create(pod("p", "false"))
    await cluster.pass_time(100)
    before = (await cluster.pod("p"))["status"]["containerStatuses"][0]
    await cluster.kubelets["node-1"].kill()
    cluster.kubelets["node-1"].start()
    await cluster.pass_time(600)
    after = (await cluster.pod("p"))["status"]["containerStatuses"][0]
    assert after["restartCount"] > before["restartCount"]
    assert after["state"]["waiting"]["reason"] == "CrashLoopBackOff"


async def test_after_the_machine_started_again_the_same_pods_run_with_one_restart_more(cluster: Cluster) -> None:
    await cluster.create(pod("always"))
    await cluster.create(pod("never", restartPolicy="Never"))
    await cluster.create(pod("done", "true", restartPolicy="OnFailure"))
    uid = (await cluster.pod("always"))["metadata"]["uid"]
    for _ in range(2):
        await cluster.kubelets["node-1"].kill()
        cluster.runtimes["node-1"].reboot()
        cluster.kubelets["node-1"].start()
        await cluster.settle()
    always = await cluster.pod("always")
    assert always["metadata"]["uid"] == uid
    assert always["status"]["containerStatuses"][0]["restartCount"] == 2
    assert await cluster.phase("always") == "Running"
    assert await cluster.phase("never") == "Failed"
    assert await cluster.phase("done") == "Succeeded"


async def test_a_hundred_pods_at_once_on_one_node_all_run(cluster: Cluster) -> None:
    for number in range(100):
        await cluster.rest.create(PODS, pod(f"p-{number}"), namespace="default")
    await cluster.settle()
    pods = (await cluster.rest.list(PODS, namespace="default"))["items"]
    assert {p["status"]["phase"] for p in pods} == {"Running"}
    assert len({p["status"]["podIP"] for p in pods}) == 100
    for p in pods:
        await cluster.rest.delete(PODS, p["metadata"]["name"], namespace="default")
    await cluster.settle()
    assert (await cluster.rest.list(PODS, namespace="default"))["items"] == []
    assert await cluster.runtimes["node-1"].sandboxes() == []


async def test_eight_sandboxes_are_made_at_once_and_who_waits_for_a_turn_can_be_deleted(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.timing = Timing(sandbox_s=10)
    for number in range(20):
        await cluster.rest.create(PODS, pod(f"p-{number}"), namespace="default")
    await cluster.settle()
    assert runtime.calls.count("run_sandbox") == 8
    begun = {p["metadata"]["name"] for p in (await cluster.rest.list(PODS, namespace="default"))["items"]}
    await cluster.rest.delete(PODS, "p-19", namespace="default")
    await cluster.settle()
    assert begun - {p["metadata"]["name"] for p in (await cluster.rest.list(PODS, namespace="default"))["items"]} == {
        "p-19"
    }
    await cluster.pass_time(10)
    assert runtime.calls.count("run_sandbox") == 16
    await cluster.pass_time(20)
    assert [await cluster.phase(f"p-{number}") for number in range(19)] == ["Running"] * 19
    assert runtime.calls.count("run_sandbox") == 19


async def test_a_node_that_is_full_refuses_what_names_it(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1", max_pods=1)
    await empty_cluster.create(pod("first"))
    await empty_cluster.create(pod("p", nodeName="node-1"))
    status = (await empty_cluster.pod("p"))["status"]
    why = "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1"
    assert (status["phase"], status["reason"]) == ("Failed", "OutOfpods")
    assert status["message"] == f"Pod was rejected: {why}"
    assert ("OutOfpods", why, 1) in await empty_cluster.events_of("p")


@pytest.mark.parametrize(
    ("spec", "reason", "why"),
    [
        (
            {"nodeSelector": {"gpu": "true"}},
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ),
        (
            {"container": {"resources": {"requests": {"cpu": "5"}}}},
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
        ),
        (
            {"container": {"resources": {"requests": {"memory": "1Ti"}}}},
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 1099511627776, used: 0, capacity: 8589934592",
        ),
    ],
)
async def test_a_pod_that_came_past_the_scheduler_is_refused_at_the_door(
    cluster: Cluster, spec: dict[str, Any], reason: str, why: str
) -> None:
    await cluster.create(pod("p", nodeName="node-1", **spec))
    status = (await cluster.pod("p"))["status"]
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", reason, f"Pod was rejected: {why}")
    assert "run_sandbox" not in cluster.runtimes["node-1"].calls
    await cluster.rest.delete(PODS, "p", namespace="default")
    await cluster.settle()
    with pytest.raises(NotFound):
        await cluster.pod("p")


async def test_a_pods_conditions_come_true_one_after_the_other(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].timing = Timing(sandbox_s=5, start_s=5)
    await cluster.create(pod("p"))
    kinds = ("PodScheduled", "Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready")

    async def true() -> list[str]:
        p = await cluster.pod("p")
        return [kind for kind in kinds if condition(p, kind).get("status") == "True"]

    assert await true() == ["PodScheduled", "Initialized"]
    await cluster.pass_time(10)
    assert await true() == list(kinds)
    p = await cluster.pod("p")
    assert p["status"]["startTime"] == "2026-01-01T00:00:00Z"
    assert condition(p, "Ready") == {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": "2026-01-01T00:00:10Z",
    }
