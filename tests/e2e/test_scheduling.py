"""Which node a pod gets, and what makes it lose it, on the two nodes of a real cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from podbay.api.quantity import Quantity
from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, throughout, until
from tests.e2e.watching import condition, watched

pytestmark = pytest.mark.e2e
TAINT = "kubernetes.io/e2e-evict-taint-key"


@contextmanager
def labelled(cluster: RealCluster, node: str, key: str, value: str) -> Iterator[None]:
    """Give a node a label for a while."""
    cluster.kubectl("label", "node", node, f"{key}={value}")
    assert cluster.get("node", node)["metadata"]["labels"][key] == value
    try:
        yield
    finally:
        cluster.kubectl("label", "node", node, f"{key}-")


@contextmanager
def tainted(cluster: RealCluster, node: str) -> Iterator[None]:
    """Give a node a taint that evicts, which the block may take away itself."""
    cluster.kubectl("taint", "node", node, f"{TAINT}=evictTaintVal:NoExecute")
    assert TAINT in [taint["key"] for taint in cluster.get("node", node)["spec"]["taints"]]
    try:
        yield
    finally:
        cluster.kubectl("taint", "node", node, f"{TAINT}-", check=False)


def refused(cluster: RealCluster, name: str) -> str:
    """Wait until the scheduler has said that no node takes a pod; return what it says."""
    found = until(lambda: _refusal(cluster, name), f"{name} is told that it cannot be scheduled")
    assert "nodeName" not in cluster.get("pod", name)["spec"]
    chosen = ("get", "events", f"--field-selector=involvedObject.name={name}", "-o", "name")
    until(lambda: cluster.kubectl(*chosen).out, f"an event tells of {name}")
    return str(found["message"])


def _refusal(cluster: RealCluster, name: str) -> dict[str, Any] | None:
    found = condition(cluster.get("pod", name), "PodScheduled")
    return found if found.get("reason") == "Unschedulable" else None


def milli_cpu(amount: str) -> int:
    return Quantity.parse(amount).milli


def requested(found: Pod) -> int:
    """Return the thousandths of a CPU that a pod asks for."""
    containers = found["spec"]["containers"]
    return sum(milli_cpu(c.get("resources", {}).get("requests", {}).get("cpu", "0")) for c in containers)


def test_there_are_two_nodes_without_taints(cluster: RealCluster) -> None:
    """[sig-architecture] Conformance Tests should have at least two untainted nodes

    Compared with test/e2e/architecture/conformance.go
    Upstream's assertions, and where they are made here:
    - every node is ready and schedulable, without a taint: the loop
    - there are at least two of them: the last assertion
    """
    nodes = cluster.get("nodes")["items"]
    for node in nodes:
        ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
        assert ready["status"] == "True"
        assert not node["spec"].get("unschedulable") and not node["spec"].get("taints")
    assert len(nodes) >= 2


def test_a_pod_that_asks_for_more_than_is_left_is_not_scheduled(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates resource limits of pods that are allowed to run

    Compared with test/e2e/scheduling/predicates.go
    Upstream's assertions, and where they are made here:
    - every node takes a label: ``labelled``
    - pods that take seven tenths of what is left of each node's CPU run, each on the node whose label it asks for:
      ``wait_ready`` and the comparison of nodes
    - one that asks for half of the largest node's CPU is not scheduled, while the others are: ``refused``, which also
      sees the event, and the last assertion
    """
    nodes = cluster.nodes()
    allocatable = {n: milli_cpu(cluster.get("node", n)["status"]["allocatable"]["cpu"]) for n in nodes}
    left = dict(allocatable)
    for other in cluster.get("pods", "-A")["items"]:
        if other["spec"].get("nodeName") in left and other["status"]["phase"] not in ("Succeeded", "Failed"):
            left[other["spec"]["nodeName"]] -= requested(other)

    def asking(name: str, milli: int, **spec: Any) -> Pod:
        amount = {"cpu": f"{milli}m"}
        return pod(name, shell("main", SLEEP, resources={"limits": amount, "requests": amount}), **spec)

    fillers, names = [], []
    for number, (node, milli) in enumerate(left.items()):
        match = {"key": "node", "operator": "In", "values": [node]}
        required = {"nodeSelectorTerms": [{"matchExpressions": [match]}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        names.append(f"filler-{number}")
        fillers.append(asking(names[-1], milli * 7 // 10, affinity=affinity))
    with labelled(cluster, nodes[0], "node", nodes[0]), labelled(cluster, nodes[1], "node", nodes[1]):
        try:
            cluster.apply(*fillers)
            assert [found["spec"]["nodeName"] for found in cluster.wait_ready(*names)] == list(left)
            cluster.apply(asking("additional", max(allocatable.values()) // 2))
            assert "2 Insufficient cpu" in refused(cluster, "additional")
            assert [cluster.get("pod", name)["spec"]["nodeName"] for name in names] == list(left)
        finally:
            cluster.wait_gone(*names, "additional")


def test_a_node_selector_that_no_node_matches_is_respected(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if not matching

    Compared with test/e2e/scheduling/predicates.go
    - a pod whose node selector no node matches is not scheduled: ``refused``, which also sees the event
    """
    cluster.apply(pod("restricted", shell("main", SLEEP), nodeSelector={"label": "nonempty"}))
    assert "didn't match Pod's node affinity/selector" in refused(cluster, "restricted")
    cluster.wait_gone("restricted")


def test_a_node_selector_that_a_node_matches_is_respected(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if matching

    Compared with test/e2e/scheduling/predicates.go
    Upstream's assertions, and where they are made here:
    - a node takes a label: ``labelled``
    - a pod that asks for the label leaves Pending, and is on that node: ``wait_ready`` and the last assertion
    """
    node = cluster.nodes()[1]
    with labelled(cluster, node, "kubernetes.io/e2e-matching", "42"):
        cluster.apply(pod("with-labels", shell("main", SLEEP), nodeSelector={"kubernetes.io/e2e-matching": "42"}))
        (found,) = cluster.wait_ready("with-labels")
        assert found["spec"]["nodeName"] == node
    cluster.wait_gone("with-labels")


def test_a_host_port_at_every_address_conflicts_with_one_at_a_single_address(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPredicates [Serial] validates that there exists conflict between pods with same
    hostPort and protocol but one using 0.0.0.0 hostIP

    Compared with test/e2e/scheduling/predicates.go
    Upstream's assertions, and where they are made here:
    - a node takes a label, and a pod with a host port at no address of its own is scheduled there: ``wait_ready``
    - one with the same port at the node's address, which asks for the same node, is not scheduled: ``refused``
    """
    node = cluster.nodes()[1]
    (address,) = [a["address"] for a in cluster.get("node", node)["status"]["addresses"] if a["type"] == "InternalIP"]

    def with_port(name: str, **where: str) -> Pod:
        ports = [{"hostPort": 54322, "containerPort": 8080, "protocol": "TCP", **where}]
        return pod(name, shell("main", SLEEP, ports=ports), nodeSelector={"kubernetes.io/e2e-port": "95"})

    with labelled(cluster, node, "kubernetes.io/e2e-port", "95"):
        cluster.apply(with_port("pod4"))
        cluster.wait_ready("pod4")
        cluster.apply(with_port("pod5", hostIP=address))
        assert "didn't have free ports for the requested pod ports" in refused(cluster, "pod5")
    cluster.wait_gone("pod4", "pod5")


def tolerant(name: str, node: str, seconds: int) -> Pod:
    toleration = {"key": TAINT, "value": "evictTaintVal", "effect": "NoExecute", "tolerationSeconds": seconds}
    return pod(name, shell("main", SLEEP), nodeName=node, tolerations=[toleration])


def test_a_taint_that_is_taken_away_in_time_evicts_nobody(cluster: RealCluster) -> None:
    """[sig-node] NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive]

    Compared with test/e2e/node/taints.go
    Upstream's assertions, and where they are made here:
    - a pod that tolerates the taint for a while runs, and its node takes the taint: ``wait_ready`` and ``tainted``
    - it is not deleted at once: the first look at it (the event tells that it was queued for its eviction)
    - the taint is taken away, and the pod is not deleted for longer than it tolerates: the last look, here for twice
      that time (upstream looks on for 75 s at a toleration of 10 s)
    """
    node = cluster.nodes()[1]
    cluster.apply(tolerant("taint-eviction-4", node, 6))
    cluster.wait_ready("taint-eviction-4")

    def stays() -> None:
        assert "deletionTimestamp" not in cluster.get("pod", "taint-eviction-4")["metadata"]

    with tainted(cluster, node):
        stays()
        cluster.kubectl("taint", "node", node, f"{TAINT}-")
        throughout(12, stays)
    which = "--field-selector=involvedObject.name=taint-eviction-4,reason=TaintManagerEviction"
    told = until(lambda: cluster.get("events", which)["items"], "the cancelled deletion is told of")
    messages = [event["message"] for event in told]
    assert messages == ["Cancelling deletion of Pod default/taint-eviction-4"]
    cluster.wait_gone("taint-eviction-4")


def test_a_taint_evicts_each_pod_after_the_time_that_it_tolerates(cluster: RealCluster) -> None:
    """[sig-node] NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive]

    Compared with test/e2e/node/taints.go
    Upstream's assertions, and where they are made here:
    - two pods that tolerate the taint for different times run on one node, which has a host name label: ``wait_ready``
    - the node takes the taint: ``tainted``
    - both are deleted in time: the ``until`` (besides, who tolerates longer is still there when the other goes)
    """
    node = cluster.nodes()[1]
    assert cluster.get("node", node)["metadata"]["labels"]["kubernetes.io/hostname"] == node
    cluster.apply(tolerant("taint-eviction-b1", node, 2), tolerant("taint-eviction-b2", node, 8))
    cluster.wait_ready("taint-eviction-b1", "taint-eviction-b2")

    def there() -> set[str]:
        return {found["metadata"]["name"] for found in cluster.get("pods")["items"]}

    with watched(cluster, "taint-eviction-b1") as versions, tainted(cluster, node):
        until(lambda: "taint-eviction-b1" not in there(), "the first is evicted")
        assert "taint-eviction-b2" in there()
        until(lambda: "taint-eviction-b2" not in there(), "the second is evicted")
    disrupted = condition(versions[-1], "DisruptionTarget")
    assert (disrupted["reason"], disrupted["message"]) == (
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )


def test_priority_classes_change_only_where_they_may(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] PriorityClass endpoints verify PriorityClass endpoints can be
    operated with different HTTP methods

    Compared with test/e2e/scheduling/preemption.go
    Upstream's assertions, and where they are made here:
    - a patch and an update of the value are refused: the first loop
    - a patch and an update of the description are taken: the second loop
    - the classes can be listed: the ``get`` of all
    - each has the value that it was made with and the new description: the last loop
    """
    values = {"p1": 1, "p2": 2}
    for name, value in values.items():
        cluster.kubectl("create", "priorityclass", name, f"--value={value}")
    try:

        def changed(name: str, field: str, new: Any) -> int:
            if name == "p1":
                return cluster.kubectl("patch", "priorityclass", name, "-p", json.dumps({field: new}), check=False).code
            found = {**cluster.get("priorityclass", name), field: new}
            return cluster.kubectl("replace", "-f", "-", stdin=json.dumps(found), check=False).code

        for name, value in values.items():
            assert changed(name, "value", value * 10) != 0
        for name in values:
            assert changed(name, "description", "updated description") == 0
        assert values.keys() <= {found["metadata"]["name"] for found in cluster.get("priorityclasses")["items"]}
        for name, value in values.items():
            found = cluster.get("priorityclass", name)
            assert (found["value"], found["description"]) == (value, "updated description")
    finally:
        cluster.kubectl("delete", "priorityclass", *values)
