"""Resizing pods that run, by the real kubectl: what the cgroups of real containers have afterwards."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet import cgroups
from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition

pytestmark = pytest.mark.e2e
SMALL = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}
LARGE = {"requests": {"cpu": "150m", "memory": "48Mi"}, "limits": {"cpu": "400m", "memory": "128Mi"}}


def resize(cluster: RealCluster, name: str, resources: dict[str, Any], *, check: bool = True) -> str:
    patch = json.dumps({"spec": {"containers": [{"name": "main", "resources": resources}]}})
    return cluster.kubectl("patch", "pod", name, "--subresource", "resize", "--patch", patch, check=check).err


def status_of(cluster: RealCluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("pod", name)["status"]["containerStatuses"][0]
    return found


def has(cluster: RealCluster, name: str, resources: dict[str, Any]) -> Pod | None:
    """Return a pod once it has what it was to get, and nothing of a resize is left to do."""
    found: Pod = cluster.get("pod", name)
    status = found["status"]["containerStatuses"][0]
    is_so = status.get("resources") == resources and status.get("allocatedResources") == resources["requests"]
    is_over = not condition(found, "PodResizeInProgress") and not condition(found, "PodResizePending")
    return found if is_so and is_over and "running" in status["state"] else None


def limits(cluster: RealCluster, found: Pod) -> dict[str, set[tuple[int, int]]]:
    """Return (cpu quota for 100 ms, memory limit) of the pod's cgroup and of those of its limited containers."""
    told: dict[str, dict[str, list[int]]] = {"pod": {}, "container": {}}
    files = {"cpu.cfs_quota_us": "cpu", "memory.limit_in_bytes": "memory", "cpu.max": "cpu", "memory.max": "memory"}
    for root in cgroups.hierarchies():
        for top in (root / f"podbay-{cluster.name}").glob(f"**/pod{found['metadata']['uid']}"):
            for directory in (top, *(entry for entry in top.iterdir() if entry.is_dir())):
                for file in files.keys() & {entry.name for entry in directory.iterdir()}:
                    word = Path(directory, file).read_text().split()[0]
                    of = told["pod" if directory == top else "container"]
                    if word not in ("-1", "max") and int(word) < 1 << 60:
                        of.setdefault(files[file], []).append(int(word))
    return {which: set(zip(of.get("cpu", ()), of.get("memory", ()), strict=True)) for which, of in told.items()}


def test_a_container_gets_more_and_less_cpu_and_more_memory_while_it_runs(cluster: RealCluster) -> None:
    cluster.apply(pod("grows", shell("main", SLEEP, resources=SMALL)))
    (before,) = cluster.wait_ready("grows")
    assert limits(cluster, before) == {"pod": {(20_000, 64 << 20)}, "container": {(20_000, 64 << 20)}}
    resize(cluster, "grows", LARGE)
    after = until(lambda: has(cluster, "grows", LARGE), "the pod has more")
    assert limits(cluster, after) == {"pod": {(40_000, 128 << 20)}, "container": {(40_000, 128 << 20)}}
    assert after["metadata"]["generation"] == 2
    less = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "128Mi"}}
    resize(cluster, "grows", less)
    after = until(lambda: has(cluster, "grows", less), "the pod has less cpu")
    assert limits(cluster, after) == {"pod": {(10_000, 128 << 20)}, "container": {(10_000, 128 << 20)}}
    status, first = status_of(cluster, "grows"), before["status"]["containerStatuses"][0]
    assert (status["restartCount"], status["containerID"]) == (0, first["containerID"])
    said = resize(cluster, "grows", SMALL, check=False)
    assert "memory limits cannot be decreased unless resizePolicy is RestartContainer" in said
    cluster.wait_gone("grows")


def test_an_editor_gives_a_container_higher_limits_while_it_runs(
    cluster: RealCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cluster.apply(pod("edited", shell("main", SLEEP, resources=SMALL)))
    (before,) = cluster.wait_ready("edited")
    script = tmp_path / "script"
    script.write_text("/^spec:/,/^status:/ {\ns/cpu: 200m/cpu: 400m/\ns/memory: 64Mi/memory: 128Mi/\n}\n")
    monkeypatch.setitem(cluster.environment, "KUBE_EDITOR", f"sed -i -f {script}")
    assert cluster.kubectl("edit", "pod", "edited", "--subresource", "resize").out == "pod/edited edited\n"
    wanted = {"requests": SMALL["requests"], "limits": LARGE["limits"]}
    after = until(lambda: has(cluster, "edited", wanted), "the pod has the edited limits")
    assert after["spec"]["containers"][0]["resources"] == wanted
    assert limits(cluster, after) == {"pod": {(40_000, 128 << 20)}, "container": {(40_000, 128 << 20)}}
    first, status = before["status"]["containerStatuses"][0], after["status"]["containerStatuses"][0]
    assert (status["restartCount"], status["containerID"]) == (0, first["containerID"])
    cluster.wait_gone("edited")


def test_what_was_resized_stays_so_when_the_kubelet_starts_again(cluster: RealCluster) -> None:
    cluster.apply(pod("stays", shell("main", SLEEP, resources=SMALL)))
    cluster.wait_ready("stays")
    resize(cluster, "stays", LARGE)
    until(lambda: has(cluster, "stays", LARGE), "the pod has more")
    for pid in cluster.servers():
        os.kill(pid, signal.SIGKILL)
    cluster.up("--nodes", "2")
    more = {**LARGE, "limits": {"cpu": "500m", "memory": "128Mi"}}
    resize(cluster, "stays", more)
    after = until(lambda: has(cluster, "stays", more), "the pod has still more")
    assert limits(cluster, after) == {"pod": {(50_000, 128 << 20)}, "container": {(50_000, 128 << 20)}}
    assert status_of(cluster, "stays")["restartCount"] == 0
    cluster.wait_gone("stays")


def test_a_container_that_says_so_is_restarted_to_get_less_memory(cluster: RealCluster) -> None:
    policy = [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "RestartContainer"},
    ]
    cluster.apply(pod("shrinks", shell("main", SLEEP, resources=LARGE, resizePolicy=policy)))
    cluster.wait_ready("shrinks")
    resize(cluster, "shrinks", SMALL)
    after = until(lambda: has(cluster, "shrinks", SMALL), "the pod has less")
    assert limits(cluster, after) == {"pod": {(20_000, 64 << 20)}, "container": {(20_000, 64 << 20)}}
    assert status_of(cluster, "shrinks")["restartCount"] == 1
    chosen = ("events", "--field-selector", "involvedObject.name=shrinks,reason=Killing")
    events = until(lambda: cluster.get(*chosen)["items"], "it is told that the container is killed")
    assert [event["message"] for event in events] == ["Container main resize requires restart"]
    cluster.wait_gone("shrinks")


def test_what_the_node_cannot_give_is_told_and_what_it_cannot_give_yet_comes_later(cluster: RealCluster) -> None:
    node = cluster.nodes()[0]
    cpus = int(cluster.get("node", node)["status"]["allocatable"]["cpu"])
    most = {"requests": {"cpu": f"{cpus * 600 + 1}m"}}
    cluster.apply(
        pod("asks", shell("main", SLEEP, resources={"requests": {"cpu": "10m"}}), nodeName=node),
        pod("goes", shell("main", SLEEP, resources={"requests": {"cpu": f"{cpus * 500}m"}}), nodeName=node),
    )
    cluster.wait_ready("asks", "goes")
    resize(cluster, "asks", {"requests": {"cpu": str(cpus + 1)}})

    def pending(reason: str) -> dict[str, Any] | None:
        told = condition(cluster.get("pod", "asks"), "PodResizePending")
        return told if told.get("reason") == reason else None

    told = until(lambda: pending("Infeasible"), "it is told that it cannot be")
    assert told["message"] == (
        f"Node didn't have enough capacity: cpu, requested: {(cpus + 1) * 1000}, capacity: {cpus * 1000}"
    )
    assert status_of(cluster, "asks")["allocatedResources"] == {"cpu": "10m"}
    resize(cluster, "asks", most)
    told = until(lambda: pending("Deferred"), "it is told that it cannot be yet")
    assert told["message"].startswith("Node didn't have enough resource: cpu, requested: ")
    cluster.wait_gone("goes")
    until(lambda: has(cluster, "asks", most), "the pod has what it asked for")
    assert status_of(cluster, "asks")["restartCount"] == 0
    cluster.wait_gone("asks")
