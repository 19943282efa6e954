"""Pods that make room for more important ones, to the letter of upstream's conformance tests."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition

RESOURCE = "example.com/scarce"
FINALIZER = "example.com/test-finalizer"
CLASSES = {"preempt-low": 1, "preempt-medium": 100, "preempt-high": 1000}


@pytest.fixture(scope="module", autouse=True)
def classes(cluster: RealCluster) -> Iterator[None]:
    head = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    cluster.apply(*({**head, "metadata": {"name": name}, "value": value} for name, value in CLASSES.items()))
    yield
    cluster.kubectl("delete", "priorityclass", *CLASSES)


@contextmanager
def advertised(cluster: RealCluster, nodes: list[str], amount: str) -> Iterator[None]:
    """Have nodes say that they have so much of a resource."""

    def patch(value: str | None) -> None:
        found = {"status": {"capacity": {RESOURCE: value}, "allocatable": {RESOURCE: value}}}
        for node in nodes:
            cluster.kubectl("patch", "node", node, "--subresource=status", "-p", json.dumps(found))

    patch(amount)
    try:
        yield
    finally:
        patch(None)


def asking(name: str, amount: str, priority: str, node: str = "", **metadata: Any) -> Pod:
    """Return a pod that asks for the resource, on one node if one is named."""
    spec: dict[str, Any] = {"priorityClassName": priority}
    if node:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        needed = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        spec["affinity"] = {"nodeAffinity": needed}
    resources = {"requests": {RESOURCE: amount}, "limits": {RESOURCE: amount}}
    made = pod(name, shell("main", SLEEP, resources=resources), **spec)
    made["metadata"] |= metadata
    return made


def makes_room(cluster: RealCluster, name: str) -> bool:
    """Tell whether a pod is gone, or ends."""
    found = cluster.kubectl("get", "pod", name, "-o", "json", "--ignore-not-found").out
    return not found or "deletionTimestamp" in json.loads(found)["metadata"]


def fill(cluster: RealCluster) -> list[str]:
    """Fill four fifths of every node, with one pod of low priority and the others of medium; return their names."""
    made: list[Mapping[str, Any]] = []
    for node in cluster.nodes():
        for _ in range(2):
            priority = "preempt-medium" if made else "preempt-low"
            made.append(asking(f"fills-{len(made)}", "2", priority, node))
    cluster.apply(*made)
    names = [str(pod["metadata"]["name"]) for pod in made]
    cluster.wait_ready(*names)
    return names


def test_a_pod_of_high_priority_takes_the_place_of_one_of_low(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates basic preemption works

    Compared with test/e2e/scheduling/preemption.go
    - two pods on each node come to run, one of low and the others of medium priority: ``fill``
    - the pod of high priority runs: ``wait_ready``
    - the pod of low priority is gone or ends: ``makes_room``
    - no other pod does: the last assertion
    """
    with advertised(cluster, cluster.nodes(), "5"):
        low, *others = fill(cluster)
        try:
            cluster.apply(asking("preemptor", "2", "preempt-high"))
            cluster.wait_ready("preemptor")
            assert makes_room(cluster, low)
            assert not any(makes_room(cluster, name) for name in others)
        finally:
            cluster.wait_gone("preemptor", low, *others)


def test_a_critical_pod_takes_the_place_of_one_of_low_priority(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates lower priority pod preemption by critical pod

    Compared with test/e2e/scheduling/preemption.go
    - two pods on each node come to run, one of low and the others of medium priority: ``fill``
    - the critical pod in the namespace kube-system runs: ``wait_ready``
    - no pod of medium priority is gone or ends: the first assertion
    - the pod of low priority does: ``makes_room``
    """
    with advertised(cluster, cluster.nodes(), "5"):
        low, *others = fill(cluster)
        try:
            critical = asking("critical", "2", "system-cluster-critical", namespace="kube-system")
            cluster.apply(critical)
            cluster.wait_ready("critical", namespace="kube-system")
            assert not any(makes_room(cluster, name) for name in others)
            assert makes_room(cluster, low)
        finally:
            cluster.wait_gone("critical", namespace="kube-system")
            cluster.wait_gone(low, *others)


def test_a_pod_that_made_room_says_so(cluster: RealCluster) -> None:
    """[sig-scheduling] SchedulerPreemption [Serial] validates pod disruption condition is added to the preempted pod

    Compared with test/e2e/scheduling/preemption.go
    - the pod of low priority, which has a finalizer, comes to run on a node that it fills: ``wait_ready``
    - it ends when one of high priority asks for the same there: ``makes_room``
    - it has the condition DisruptionTarget: the last assertion
    """
    node = cluster.nodes()[0]
    with advertised(cluster, [node], "1"):
        cluster.apply(asking("victim", "1", "preempt-low", node, finalizers=[FINALIZER]))
        cluster.wait_ready("victim")
        try:
            cluster.apply(asking("preemptor", "1", "preempt-high", node))
            until(lambda: makes_room(cluster, "victim"), "the pod of low priority ends")
            assert condition(cluster.get("pod", "victim"), "DisruptionTarget")["status"] == "True"
        finally:
            cluster.kubectl("patch", "pod", "victim", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
            cluster.wait_gone("victim", "preemptor")
