"""Nodes that run out of memory or processes: who goes first, what is told, and that it is over afterwards.

The thresholds are set a little below what the machine has left at that moment, so that little has to be used up; the
machine's other users have to stay within that little meanwhile.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until
from tests.e2e.watching import condition, status_of

PATIENCE_S: Final = 90.0
MI: Final = 1024 * 1024
CONFIGURATION: Final = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {{{signal}: "{least}"}}
evictionPressureTransitionPeriod: 15s
"""


def up(cluster: RealCluster, archives: dict[str, Path]) -> None:
    cluster.up()
    cluster.podbay("image", "import", str(archives["busybox"]), "--name", cluster.name)


def set_threshold(cluster: RealCluster, signal: str, least: str) -> None:
    """Start the kubelet anew with a threshold; what runs, runs on."""
    file = cluster.directory / "kubelet.yaml"
    file.write_text(CONFIGURATION.format(signal=signal, least=least))
    cluster.up("--kubelet-config", str(file))


def node_summary(cluster: RealCluster) -> dict[str, Any]:
    path = f"/api/v1/nodes/{cluster.nodes()[0]}/proxy/stats/summary"
    found: dict[str, Any] = json.loads(cluster.kubectl("get", "--raw", path).out)["node"]
    return found


def is_pressed(cluster: RealCluster, kind: str, taint: str) -> bool:
    """Tell whether the node has a condition and its taint; both or none once the controller has seen it."""
    (node,) = cluster.get("nodes")["items"]
    tainted = any(each["key"] == taint for each in node["spec"].get("taints") or ())
    return condition(node, kind)["status"] == "True" and tainted


def is_relieved(cluster: RealCluster, kind: str, taint: str) -> bool:
    (node,) = cluster.get("nodes")["items"]
    tainted = any(each["key"] == taint for each in node["spec"].get("taints") or ())
    return condition(node, kind)["status"] == "False" and not tainted


def evicted(cluster: RealCluster, name: str) -> dict[str, Any]:
    """Wait until a pod is evicted; return its status."""

    def status() -> dict[str, Any] | None:
        found: dict[str, Any] = cluster.get("pod", name)["status"]
        return found if found["phase"] == "Failed" else None

    found: dict[str, Any] = until(status, f"pod {name} is evicted", patience_s=PATIENCE_S)
    assert found["reason"] == "Evicted"
    targets = [each for each in found["conditions"] if each["type"] == "DisruptionTarget"]
    assert [(each["status"], each["reason"]) for each in targets] == [("True", "TerminationByKubelet")]
    return found


def is_waiting(cluster: RealCluster, name: str) -> bool:
    return condition(cluster.get("pod", name), "PodScheduled").get("reason") == "Unschedulable"


def runs_untouched(cluster: RealCluster, name: str) -> None:
    found = cluster.get("pod", name)
    status = status_of(found, "main")
    assert (found["status"]["phase"], status["restartCount"], "running" in status["state"]) == ("Running", 0, True)


def reasons(cluster: RealCluster) -> set[str]:
    return {event["reason"] for event in cluster.get("events", "-A")["items"]}


def eater(name: str, size_mi: int, request_mi: int) -> dict[str, Any]:
    """Return a pod that is ready when it holds so much memory."""
    script = f"dd if=/dev/zero of=/memory/file bs=1M count={size_mi} && touch /tmp/full; {SLEEP}"
    full = {"exec": {"command": ["test", "-e", "/tmp/full"]}, "periodSeconds": 1}
    mounts = [{"name": "memory", "mountPath": "/memory"}]
    asked = {"requests": {"memory": f"{request_mi}Mi"}}
    main = shell("main", script, volumeMounts=mounts, resources=asked, readinessProbe=full)
    return pod(name, main, volumes=[{"name": "memory", "emptyDir": {"medium": "Memory"}}])


def forker(name: str, count: int, **spec: Any) -> dict[str, Any]:
    """Return a pod that is ready when it has so many processes."""
    forks = f"i=0; while [ $i -lt {count} ]; do sleep 100000 & i=$((i+1)); done; touch /tmp/full"
    full = {"exec": {"command": ["test", "-e", "/tmp/full"]}, "periodSeconds": 1}
    return pod(name, shell("main", f"{forks}; {SLEEP}", readinessProbe=full), **spec)


@pytest.mark.timeout(300)
def test_the_pod_that_has_more_memory_than_it_asked_for_goes_and_one_that_has_yet_more_stays(
    another: RealCluster, archives: dict[str, Path]
) -> None:
    up(another, archives)
    available_mi = int(node_summary(another)["memory"]["availableBytes"]) // MI
    size_mi = min(1600, available_mi // 6)
    another.apply(eater("entitled", size_mi + 100, size_mi + 200))
    another.wait_ready("entitled")
    left_mi = int(node_summary(another)["memory"]["availableBytes"]) // MI
    set_threshold(another, "memory.available", f"{left_mi - size_mi // 2}Mi")

    pressure = ("MemoryPressure", "node.kubernetes.io/memory-pressure")
    another.apply(eater("greedy", size_mi, 64))
    until(lambda: is_pressed(another, *pressure), "the node tells of it", patience_s=PATIENCE_S)
    another.apply(pod("late", shell("main", SLEEP)))
    until(lambda: is_waiting(another, "late"), "the pod finds no node")
    assert re.fullmatch(
        r"The node was low on resource: memory\. Threshold quantity: \S+, available: \d+Ki\. Container main was using"
        r" \d+Ki, request is 64Mi, has larger consumption of memory\. ",
        evicted(another, "greedy")["message"],
    )
    until(lambda: is_relieved(another, *pressure), "the node has memory again", patience_s=PATIENCE_S)
    another.wait_ready("late")
    runs_untouched(another, "entitled")
    told = {"NodeHasInsufficientMemory", "EvictionThresholdMet", "Evicted", "NodeHasSufficientMemory"}
    assert told <= reasons(another)


@pytest.mark.timeout(300)
def test_the_pod_of_the_lowest_priority_goes_when_processes_run_out_though_another_has_more(
    another: RealCluster, archives: dict[str, Path]
) -> None:
    up(another, archives)
    another.apply(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "important"},
            "value": 1000,
        },
        forker("precious", 500, priorityClassName="important"),
    )
    another.wait_ready("precious")
    limits = node_summary(another)["rlimit"]
    left = int(limits["maxpid"]) - int(limits["curproc"])
    set_threshold(another, "pid.available", str(left - 200))

    pressure = ("PIDPressure", "node.kubernetes.io/pid-pressure")
    another.apply(forker("greedy", 400))
    until(lambda: is_pressed(another, *pressure), "the node tells of it", patience_s=PATIENCE_S)
    another.apply(pod("late", shell("main", SLEEP)))
    until(lambda: is_waiting(another, "late"), "the pod finds no node")
    assert re.fullmatch(
        r"The node was low on resource: pids\. Threshold quantity: \S+, available: \S+\. ",
        evicted(another, "greedy")["message"],
    )
    until(lambda: is_relieved(another, *pressure), "the node has processes to spare", patience_s=PATIENCE_S)
    another.wait_ready("late")
    runs_untouched(another, "precious")
    told = {"NodeHasInsufficientPID", "EvictionThresholdMet", "Evicted", "NodeHasSufficientPID"}
    assert told <= reasons(another)
