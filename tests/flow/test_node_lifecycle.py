"""Nodes that fall silent, their taints, and the pods that have to leave them."""

from podbay.api.resources import EVENTS, NODES, PODS
from podbay.client.rest import Object
from tests.flow.cluster import Cluster, condition, pod

LOST = "node.kubernetes.io/unreachable"


async def taints_of(cluster: Cluster, name: str = "node-1") -> list[tuple[str, str]]:
    node = await cluster.rest.get(NODES, name)
    return [(taint["key"], taint["effect"]) for taint in node["spec"].get("taints") or ()]


async def is_unknown(cluster: Cluster) -> bool:
    return bool(condition(await cluster.rest.get(NODES, "node-1"), "Ready")["status"] == "Unknown")


async def test_a_new_node_takes_pods_once_it_is_ready(empty_cluster: Cluster) -> None:
    bare: Object = {"metadata": {"name": "bare"}}
    made = await empty_cluster.rest.create(NODES, bare)
    assert made["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    await empty_cluster.add_node("node-1")
    assert await taints_of(empty_cluster) == []


async def test_a_silent_node_is_unknown_after_fifty_seconds_and_its_pods_are_not_ready(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    await cluster.kubelets["node-1"].kill()
    silent_from = cluster.clock.monotonic()
    found = await cluster.until(lambda: is_unknown(cluster), within_s=120)
    assert found - silent_from + 10 >= 50 and found - silent_from <= 50
    node = await cluster.rest.get(NODES, "node-1")
    for kind in ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure"):
        told = condition(node, kind)
        assert (told["status"], told["reason"]) == ("Unknown", "NodeStatusUnknown")
        assert told["message"] == "Kubelet stopped posting node status."
    await cluster.settle()
    assert await taints_of(cluster) == [(LOST, "NoSchedule"), (LOST, "NoExecute")]
    assert condition(await cluster.pod("web"), "Ready")["status"] == "False"
    assert ("NodeNotReady", "Node is not ready", 1) in await cluster.events_of("web")
    events = (await cluster.rest.list(EVENTS, query={"fieldSelector": "involvedObject.name=node-1"}))["items"]
    assert "Node node-1 status is now: NodeNotReady" in [event["message"] for event in events]


async def test_a_node_that_comes_back_is_whole_again(cluster: Cluster) -> None:
    made = await cluster.create(pod("web"))
    await cluster.kubelets["node-1"].kill()
    await cluster.until(lambda: is_unknown(cluster), within_s=120)
    await cluster.settle()
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    assert await taints_of(cluster) == []
    back = await cluster.pod("web")
    assert back["metadata"]["uid"] == made["metadata"]["uid"]
    assert condition(back, "Ready")["status"] == "True"
    await cluster.pass_time(400)
    assert await cluster.phase("web") == "Running"


async def test_pods_leave_a_lost_node_when_their_time_is_up(cluster: Cluster) -> None:
    quick = {"key": LOST, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
    stays = {"key": LOST, "operator": "Exists", "effect": "NoExecute"}
    await cluster.create(pod("usual"))
    await cluster.create(pod("quick", tolerations=[quick]))
    await cluster.create(pod("stays", tolerations=[stays]))
    await cluster.kubelets["node-1"].kill()
    lost_at = await cluster.until(lambda: is_unknown(cluster), within_s=120)

    async def is_ending(name: str) -> bool:
        return "deletionTimestamp" in (await cluster.pod(name))["metadata"]

    assert await cluster.until(lambda: is_ending("quick"), within_s=400) - lost_at == 20
    assert await cluster.until(lambda: is_ending("usual"), within_s=400) - lost_at == 300
    evicted = await cluster.pod("usual")
    assert condition(evicted, "DisruptionTarget")["reason"] == "DeletionByTaintManager"
    assert condition(evicted, "DisruptionTarget")["message"] == "Taint manager: deleting due to NoExecute taint"
    assert ("TaintManagerEviction", "Marking for deletion Pod default/usual", 1) in await cluster.events_of("usual")
    await cluster.pass_time(1000)
    assert not await is_ending("stays")


async def test_a_taint_that_goes_in_time_takes_the_deletion_back(cluster: Cluster) -> None:
    toleration = {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}
    await cluster.create(pod("patient", tolerations=[toleration]))
    await cluster.create(pod("plain"))
    taint = {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}
    await cluster.rest.patch(NODES, "node-1", taint)
    await cluster.settle()

    async def gone() -> bool:
        return not await cluster.exists(PODS, "plain", "default")

    await cluster.until(gone)
    await cluster.pass_time(30)
    await cluster.rest.patch(NODES, "node-1", {"spec": {"taints": None}}, merge=True)
    await cluster.pass_time(100)
    assert await cluster.phase("patient") == "Running"
    told = ("TaintManagerEviction", "Cancelling deletion of Pod default/patient", 1)
    assert told in await cluster.events_of("patient")


async def test_a_cordoned_node_is_tainted_until_it_is_uncordoned(cluster: Cluster) -> None:
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": True}})
    await cluster.settle()
    assert await taints_of(cluster) == [("node.kubernetes.io/unschedulable", "NoSchedule")]
    await cluster.create(pod("waits"))
    assert condition(await cluster.pod("waits"), "PodScheduled")["message"].startswith(
        "0/1 nodes are available: 1 node(s) were unschedulable."
    )
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": False}})
    await cluster.settle()
    assert await taints_of(cluster) == []
