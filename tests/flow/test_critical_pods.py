"""A node that is full takes a critical pod all the same: its kubelet ends others, and waits until they have ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.client.rest import Object
from tests.flow.cluster import Cluster, condition, pod

MESSAGE = "Preempted in order to admit critical pod"


def asking(name: str, cpu: str, **spec: Any) -> Object:
    return pod(name, container={"resources": {"requests": {"cpu": cpu}}}, **spec)


def on_the_node(name: str, cpu: str, **spec: Any) -> Object:
    """Return a node-critical pod that comes past the scheduler, which would preempt by itself."""
    return asking(name, cpu, nodeName="node-1", priorityClassName="system-node-critical", **spec)


def disrupted(found: Object) -> Object:
    return {key: value for key, value in condition(found, "DisruptionTarget").items() if key in ("reason", "message")}


@pytest.fixture
async def directory(empty_cluster: Cluster, tmp_path: Path) -> Path:
    """Have a node that runs the static pods of a directory; give the directory."""
    made = tmp_path / "manifests"
    made.mkdir()
    await empty_cluster.add_node("node-1", static_pod_path=made)
    return made


async def fill(cluster: Cluster) -> None:
    """Fill the node's four processors, also with one that may end at last after twenty seconds."""
    await cluster.create(asking("large", "3"))
    small = asking("small", "1", terminationGracePeriodSeconds=20)
    small["spec"]["containers"][0]["command"] = ["sleep", "100000"]  # which cares for no signal
    await cluster.create(small)
    await cluster.create(pod("free"))
    for name in ("large", "small", "free"):
        await cluster.until_running(name)


async def test_a_static_pod_takes_the_room_of_the_pod_that_is_just_enough(
    empty_cluster: Cluster, directory: Path
) -> None:
    cluster = empty_cluster
    await fill(cluster)
    (directory / "web.yaml").write_text(json.dumps(asking("web", "1")))
    await cluster.until_running("web-node-1")
    ended = await cluster.pod("small")
    assert [ended["status"][key] for key in ("phase", "reason", "message")] == ["Failed", "Preempting", MESSAGE]
    assert disrupted(ended) == {
        "reason": "TerminationByKubelet",
        "message": "Pod was preempted by Kubelet to accommodate a critical pod.",
    }
    assert ("Preempting", MESSAGE, 1) in await cluster.events_of("small")
    assert [await cluster.phase(name) for name in ("large", "free")] == ["Running", "Running"]


async def test_a_node_critical_pod_begins_when_those_who_make_room_have_ended(cluster: Cluster) -> None:
    await fill(cluster)
    await cluster.create(on_the_node("vital", "1"))
    await cluster.pass_time(19)
    assert [await cluster.phase(name) for name in ("small", "vital")] == ["Running", "Pending"]
    await cluster.pass_time(1)
    assert [await cluster.phase(name) for name in ("small", "vital", "large")] == ["Failed", "Running", "Running"]


async def test_a_kubelet_that_starts_again_meanwhile_comes_to_the_same_end(cluster: Cluster) -> None:
    await fill(cluster)
    await cluster.create(on_the_node("vital", "1"))
    await cluster.pass_time(5)
    await cluster.kubelets["node-1"].kill()
    cluster.kubelets["node-1"].start()
    await cluster.until_running("vital")
    assert [await cluster.phase(name) for name in ("small", "large", "free")] == ["Failed", "Running", "Running"]


async def test_a_critical_pod_that_nobody_can_make_room_for_is_refused_and_nobody_goes(cluster: Cluster) -> None:
    await fill(cluster)
    await cluster.create(on_the_node("vital", "5"))
    status = (await cluster.pod("vital"))["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "UnexpectedAdmissionError")
    assert status["message"].endswith("no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]")
    assert [await cluster.phase(name) for name in ("large", "small", "free")] == ["Running"] * 3


async def test_for_a_critical_pod_that_does_not_belong_on_the_node_nobody_goes(cluster: Cluster) -> None:
    await fill(cluster)
    port = [{"containerPort": 80, "hostPort": 80}]
    await cluster.create(pod("door", container={"ports": port}))
    await cluster.until_running("door")
    found = on_the_node("vital", "1")
    found["spec"]["containers"][0]["ports"] = port
    await cluster.create(found)
    assert (await cluster.pod("vital"))["status"]["reason"] == "NodePorts"
    assert [await cluster.phase(name) for name in ("large", "small", "free")] == ["Running"] * 3


async def test_a_critical_pod_that_is_deleted_while_it_waits_is_gone_and_starts_nothing(cluster: Cluster) -> None:
    await fill(cluster)
    await cluster.create(on_the_node("vital", "4"))
    await cluster.rest.delete(PODS, "vital", namespace="default")
    await cluster.pass_time(60)
    assert await cluster.phase("vital") == ""


async def test_a_critical_pod_does_not_wait_for_ever_for_one_that_the_runtime_cannot_stop(cluster: Cluster) -> None:
    await fill(cluster)
    for method in ("stop_container", "stop_sandbox"):
        cluster.runtimes["node-1"].fail(method, "UNKNOWN", "no", times=100)
    await cluster.create(on_the_node("vital", "1"))
    await cluster.pass_time(29)
    assert await cluster.phase("vital") == "Pending"
    await cluster.pass_time(1)
    assert [await cluster.phase(name) for name in ("small", "vital")] == ["Running", "Running"]
    told = "Container runtime did not kill the pod within specified grace period."
    assert ("ExceededGracePeriod", told, 1) in await cluster.events_of("small")


async def test_two_critical_pods_at_once_each_get_their_room(cluster: Cluster) -> None:
    await fill(cluster)
    for name in ("vital", "other"):
        await cluster.rest.create(PODS, on_the_node(name, "1"), namespace="default")
    for name in ("vital", "other"):
        await cluster.until_running(name)
    assert [await cluster.phase(name) for name in ("large", "free")] == ["Failed", "Running"]
