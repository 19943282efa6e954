"""Ephemeral containers in real pods, to the letter of upstream's conformance tests, and with kubectl debug."""

import json

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until
from tests.e2e.watching import status_of

pytestmark = pytest.mark.e2e
PATH = "/api/v1/namespaces/default/pods/{}/ephemeralcontainers"


def is_running(cluster: RealCluster, name: str, container: str) -> bool:
    return "running" in status_of(cluster.get("pod", name), container).get("state", {})


def test_an_ephemeral_container_starts_in_a_pod_that_runs(cluster: RealCluster) -> None:
    """[sig-node] Ephemeral Containers [NodeConformance] will start an ephemeral container in an existing pod

    Compared with test/e2e/common/node/ephemeral_containers.go
    Upstream's assertions, and where they are made here:
    - the pod's generation is 1, and 2 after the ephemeral container was added: the comparisons of generations
    - the ephemeral container is added and comes to run: ``kubectl patch`` and ``until``
    - a command in it answers "marco": the comparison
    - its log has "polo": the last ``until``
    """
    cluster.apply(pod("ephemeral", shell("main", SLEEP)))
    cluster.wait_ready("ephemeral")
    assert cluster.get("pod", "ephemeral")["metadata"]["generation"] == 1
    script = "while true; do echo polo; sleep 2; done"
    debugger = shell("debugger", script, image="busybox", imagePullPolicy="IfNotPresent", stdin=True, tty=True)
    patch = json.dumps({"spec": {"ephemeralContainers": [debugger]}})
    cluster.kubectl("patch", "pod", "ephemeral", "--subresource=ephemeralcontainers", "-p", patch, version="1.33")
    until(lambda: is_running(cluster, "ephemeral", "debugger"), "the ephemeral container runs")
    assert cluster.get("pod", "ephemeral")["metadata"]["generation"] == 2
    assert cluster.exec("ephemeral", "/bin/echo", "marco", container="debugger").strip() == "marco"
    until(lambda: "polo" in cluster.kubectl("logs", "ephemeral", "-c", "debugger").out, "it speaks")
    cluster.wait_gone("ephemeral")


def test_ephemeral_containers_are_added_by_update_too(cluster: RealCluster) -> None:
    """[sig-node] Ephemeral Containers [NodeConformance] should update the ephemeral containers in an existing pod

    Compared with test/e2e/common/node/ephemeral_containers.go
    Upstream's assertions, and where they are made here:
    - the pod's generation is 1, and 2 after the first container was added: the comparisons of generations
    - the first container is added by a patch and comes to run: ``kubectl patch`` and ``until``
    - the pod's ephemeral containers are read through the subresource, a second one is added by an update, and both are
      there afterwards: ``kubectl get --raw``, ``kubectl replace --raw`` and the comparison of names
    - a command in the second one answers: the last comparison
    """
    cluster.apply(pod("ephemerals", shell("main", SLEEP)))
    cluster.wait_ready("ephemerals")
    assert cluster.get("pod", "ephemerals")["metadata"]["generation"] == 1
    first = shell("first", SLEEP, image="busybox", imagePullPolicy="IfNotPresent")
    patch = json.dumps({"spec": {"ephemeralContainers": [first]}})
    cluster.kubectl("patch", "pod", "ephemerals", "--subresource=ephemeralcontainers", "-p", patch)
    until(lambda: is_running(cluster, "ephemerals", "first"), "the first runs")
    found = json.loads(cluster.kubectl("get", "--raw", PATH.format("ephemerals")).out)
    assert [c["name"] for c in found["spec"]["ephemeralContainers"]] == ["first"]
    assert found["metadata"]["generation"] == 2
    second = shell("second", SLEEP, image="busybox", imagePullPolicy="IfNotPresent", targetContainerName="main")
    found["spec"]["ephemeralContainers"].append(second)
    del found["metadata"]["resourceVersion"]
    cluster.kubectl("replace", "--raw", PATH.format("ephemerals"), "-f", "-", stdin=json.dumps(found))
    until(lambda: is_running(cluster, "ephemerals", "second"), "the second runs")
    names = [c["name"] for c in cluster.get("pod", "ephemerals")["spec"]["ephemeralContainers"]]
    assert names == ["first", "second"]
    assert cluster.exec("ephemerals", "echo", "polo", container="second").strip() == "polo"
    processes = cluster.exec("ephemerals", "cat", "/proc/1/cmdline", container="second")
    assert "trap" in processes  # it sees the processes of the container it is to look at
    cluster.wait_gone("ephemerals")


def test_kubectl_debug_looks_into_a_pod(cluster: RealCluster) -> None:
    cluster.apply(pod("debugged", shell("main", SLEEP)))
    cluster.wait_ready("debugged")
    cluster.kubectl("debug", "debugged", "--image=busybox", "-c", "looker", "--target=main", "--", "sleep", "3")
    until(lambda: "terminated" in status_of(cluster.get("pod", "debugged"), "looker").get("state", {}), "it ends")
    for which in ("podbay", "kubectl"):
        assert "Ephemeral Containers:\n  looker:" in cluster.cli(which)("describe", "pod", "debugged").out
    cluster.wait_gone("debugged")
