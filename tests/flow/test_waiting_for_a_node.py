"""Every reason for which a pod finds no node: what the pod and its event say, and that news which helps is heard."""

from typing import Any

import pytest

from podbay.api.resources import NODES, PODS
from tests.flow.cluster import Cluster, condition, pod

HOPELESS = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
NO_VICTIMS = " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
AFFINITY = "node(s) didn't match Pod's node affinity/selector"


def requires(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": required}}


def asks(**requests: str) -> dict[str, Any]:
    return {"container": {"resources": {"requests": requests}}}


def binds(port: int) -> dict[str, Any]:
    return {"container": {"ports": [{"containerPort": 80, "hostPort": port}]}}


async def waits(cluster: Cluster, message: str, name: str = "p") -> None:
    """Check that a pod waits and says why, in its condition and in an event."""
    p = await cluster.pod(name)
    told = condition(p, "PodScheduled")
    assert (told["status"], told["reason"], told["message"]) == ("False", "Unschedulable", message)
    assert p["status"]["phase"] == "Pending" and "nodeName" not in p["spec"]
    assert ("FailedScheduling", message, 1) in await cluster.events_of(name)


async def runs(cluster: Cluster, name: str = "p") -> None:
    """Check that a pod is placed at once, without the clock moving."""
    await cluster.settle()
    assert await cluster.phase(name) == "Running"
    assert condition(await cluster.pod(name), "PodScheduled")["status"] == "True"


@pytest.mark.parametrize(
    ("spec", "label"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "ssd"),
        (requires({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}]}), "nvme"),
        (requires({"matchExpressions": [{"key": "disk", "operator": "Exists"}]}), ""),
        (
            requires(
                {"matchExpressions": [{"key": "never", "operator": "Exists"}]},
                {"matchExpressions": [{"key": "disk", "operator": "Gt", "values": ["5"]}]},
            ),
            "6",
        ),
    ],
)
async def test_for_a_label(cluster: Cluster, spec: dict[str, Any], label: str) -> None:
    await cluster.create(pod("p", **spec))
    await waits(cluster, f"0/1 nodes are available: 1 {AFFINITY}.{HOPELESS}")
    await cluster.label_node("node-1", disk=label)
    await runs(cluster)


async def test_for_a_node_of_a_name(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1")
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-2"]}]}
    await empty_cluster.create(pod("p", **requires(term)))
    told = f"0/1 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity].{HOPELESS}"
    await waits(empty_cluster, told)
    await empty_cluster.add_node("node-2")
    await runs(empty_cluster)
    assert (await empty_cluster.pod("p"))["spec"]["nodeName"] == "node-2"


async def test_for_a_node_to_be_opened(cluster: Cluster) -> None:
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": True}})
    await cluster.create(pod("p"))
    await waits(cluster, f"0/1 nodes are available: 1 node(s) were unschedulable.{HOPELESS}")
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": None}})
    await runs(cluster)


async def test_for_a_taint_to_go(cluster: Cluster) -> None:
    taint = {"key": "kind", "value": "gpu", "effect": "NoSchedule"}
    await cluster.rest.patch(NODES, "node-1", {"spec": {"taints": [taint]}})
    await cluster.create(pod("p"))
    await waits(cluster, f"0/1 nodes are available: 1 node(s) had untolerated taint {{kind: gpu}}.{HOPELESS}")
    await cluster.rest.patch(NODES, "node-1", {"spec": {"taints": None}})
    await runs(cluster)


async def test_for_its_own_toleration(cluster: Cluster) -> None:
    taint = {"key": "kind", "value": "gpu", "effect": "NoSchedule"}
    await cluster.rest.patch(NODES, "node-1", {"spec": {"taints": [taint]}})
    await cluster.create(pod("p"))
    known = (await cluster.pod("p"))["spec"].get("tolerations") or []
    more = {"spec": {"tolerations": [*known, {"operator": "Exists"}]}}
    await cluster.rest.patch(PODS, "p", more, namespace="default")
    await runs(cluster)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (asks(cpu="3"), asks(cpu="2"), "1 Insufficient cpu"),
        (asks(memory="6Gi"), asks(memory="4Gi"), "1 Insufficient memory"),
        (asks(cpu="3", memory="6Gi"), asks(cpu="3", memory="6Gi"), "1 Insufficient cpu, 1 Insufficient memory"),
        (binds(8080), binds(8080), "1 node(s) didn't have free ports for the requested pod ports"),
    ],
)
async def test_for_another_pod_to_leave(
    cluster: Cluster, first: dict[str, Any], second: dict[str, Any], told: str
) -> None:
    await cluster.create(pod("first", **first))
    await cluster.create(pod("p", **second))
    await waits(cluster, f"0/1 nodes are available: {told}.{NO_VICTIMS}")
    await cluster.rest.delete(PODS, "first", namespace="default")
    await runs(cluster)


async def test_for_another_pod_to_end(cluster: Cluster) -> None:
    await cluster.create(pod("job", "sleep", "50", restartPolicy="Never", **asks(cpu="3")))
    await cluster.create(pod("p", **asks(cpu="3")))
    await cluster.pass_time(50)
    assert await cluster.phase("job") == "Succeeded"
    await runs(cluster)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (asks(cpu="400"), "1 Insufficient cpu"),
        (asks(memory="1Ti"), "1 Insufficient memory"),
        (asks(**{"example.org/gpu": "1"}), "1 Insufficient example.org/gpu"),
        (asks(cpu="400", memory="1Ti"), "1 Insufficient cpu, 1 Insufficient memory"),
    ],
)
async def test_for_what_no_node_will_ever_have(cluster: Cluster, spec: dict[str, Any], told: str) -> None:
    resources = spec["container"]["resources"]
    extended = {name: amount for name, amount in resources["requests"].items() if "/" in name}
    spec = {"container": {"resources": {**resources, "limits": extended}}}
    await cluster.create(pod("p", **spec))
    await waits(cluster, f"0/1 nodes are available: {told}.{HOPELESS}")
    before = (await cluster.pod("p"))["metadata"]["resourceVersion"]
    await cluster.create(pod("other"))
    await cluster.rest.delete(PODS, "other", namespace="default")
    await cluster.label_node("node-1", colour="red")
    await cluster.settle()
    assert (await cluster.pod("p"))["metadata"]["resourceVersion"] == before


async def test_for_a_node_to_have_fewer_pods(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1", max_pods=1)
    await empty_cluster.create(pod("first"))
    await empty_cluster.create(pod("p"))
    await waits(empty_cluster, f"0/1 nodes are available: 1 Too many pods.{NO_VICTIMS}")
    await empty_cluster.rest.delete(PODS, "first", namespace="default")
    await runs(empty_cluster)


async def test_for_different_reasons_on_different_nodes_in_upstreams_order(empty_cluster: Cluster) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await empty_cluster.add_node(name)
    await empty_cluster.rest.patch(NODES, "a", {"spec": {"unschedulable": True}})
    taint = {"key": "kind", "value": "gpu", "effect": "NoExecute"}
    await empty_cluster.rest.patch(NODES, "b", {"spec": {"taints": [taint]}})
    for name in ("c", "d"):
        await empty_cluster.label_node(name, disk="ssd")
        await empty_cluster.create(pod(f"big-{name}", nodeName=name, **asks(cpu="3")))
    await empty_cluster.create(pod("p", nodeSelector={"disk": "ssd"}, **asks(cpu="2")))
    await waits(
        empty_cluster,
        f"0/5 nodes are available: 1 {AFFINITY}, 1 node(s) had untolerated taint {{kind: gpu}},"
        " 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/5 nodes are available:"
        " 2 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.",
    )


async def test_for_a_node_that_is_deleted_and_comes_back(cluster: Cluster) -> None:
    await cluster.kubelets["node-1"].kill()
    await cluster.rest.delete(NODES, "node-1")
    await cluster.create(pod("p"))
    p = condition(await cluster.pod("p"), "PodScheduled")
    assert (p["reason"], p["message"]) == ("Unschedulable", "no nodes available to schedule pods")
    cluster.kubelets["node-1"].start()
    await runs(cluster)
