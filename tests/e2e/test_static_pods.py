"""Static pods on real containers: files run, mirrors show them, and neither the API nor a kill ends them."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.fixture
def directory(another: RealCluster, archives: dict[str, Path], tmp_path: Path) -> Iterator[Path]:
    """Bring up two nodes that follow a directory; give the directory."""
    given, directory = tmp_path / "kubelet.yaml", tmp_path / "pods"
    directory.mkdir()
    given.write_text(f"{HEAD}staticPodPath: {directory}\nfileCheckFrequency: 1s\n")
    another.up("--nodes", "2", "--kubelet-config", str(given))
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    yield directory


def write(directory: Path, word: str) -> None:
    """Write the file of the pod; one step, so that nobody reads half of it."""
    partial = directory / ".web.yaml"
    partial.write_text(json.dumps(pod("web", shell("main", f"echo {word}; {SLEEP}"))))
    partial.replace(directory / "web.yaml")


def name_of(cluster: RealCluster) -> str:
    """Return the name that the pod has on the second node, whose kubelet is a process of its own."""
    return f"web-{cluster.nodes()[1]}"


def mirror(cluster: RealCluster) -> dict[str, Any]:
    """Wait until the mirror pod is ready, and return it."""
    name = name_of(cluster)

    def ready() -> Any:
        listed = cluster.get("pods", "--field-selector", f"metadata.name={name}")["items"]
        conditions = [c for each in listed for c in each["status"].get("conditions") or ()]
        is_ready = any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)
        return listed[0] if is_ready and "deletionTimestamp" not in listed[0]["metadata"] else None

    found: dict[str, Any] = until(ready, "the mirror pod is ready")
    return found


def container(shown: dict[str, Any]) -> tuple[str, int]:
    """Return a pod's container, and how often it was restarted."""
    status = shown["status"]["containerStatuses"][0]
    return status["containerID"], status["restartCount"]


def test_a_file_is_a_pod_that_only_its_file_can_end(another: RealCluster, directory: Path) -> None:
    write(directory, "one")
    shown, name = mirror(another), name_of(another)
    assert another.kubectl("logs", name).out == another.podbay("logs", name).out == "one\n"
    assert another.exec(name, "hostname").strip() == name
    until(lambda: "Started container main" in another.kubectl("describe", "pod", name).out, "its start is told of")
    assert "Started container main" in another.podbay("describe", "pod", name).out

    another.kubectl("delete", "pod", name)
    again = mirror(another)
    assert again["metadata"]["uid"] != shown["metadata"]["uid"]
    assert container(again) == container(shown)

    (directory / "bad.yaml").write_text("kind: Pod\napiVersion: v1\nmetadata: {name: bad}\nspec: {colour: red}\n")
    until(lambda: "FailedValidation" in another.kubectl("get", "events").out, "the bad file is told of")
    assert container(mirror(another)) == container(shown)

    os.kill(another.pid("node-2", "agent.pid"), signal.SIGKILL)
    another.up()
    assert container(mirror(another)) == container(shown)

    write(directory, "two")
    until(lambda: another.kubectl("logs", name, check=False).out == "two\n", "the changed pod runs")
    changed = mirror(another)
    assert container(changed)[0] != container(shown)[0]

    (directory / "web.yaml").unlink()
    until(lambda: not another.get("pods")["items"], "the pod is gone")


def test_while_the_server_is_away_a_changed_file_is_another_pod(another: RealCluster, directory: Path) -> None:
    write(directory, "one")
    shown, name = mirror(another), name_of(another)
    os.kill(another.pid("server.pid"), signal.SIGKILL)
    write(directory, "two")
    logs = Path("/var/log/podbay", another.name, "node-2", "pods")
    until(lambda: any(file.read_text().endswith(" two\n") for file in logs.glob("*web*/main/*.log")), "it runs")
    another.up()
    until(lambda: another.kubectl("logs", name, check=False).out == "two\n", "it is asked by its name")
    until(lambda: container(mirror(another))[0] != container(shown)[0], "the mirror shows what runs")


def test_a_pod_ends_when_a_static_pod_needs_its_room(another: RealCluster, directory: Path) -> None:
    node = another.nodes()[1]
    cpu = another.get("node", node)["status"]["allocatable"]["cpu"]
    small = shell("main", SLEEP, resources={"requests": {"memory": "16Mi"}})
    large = shell("main", SLEEP, resources={"requests": {"cpu": cpu}})
    another.apply(pod("small", small, nodeName=node), pod("large", large, nodeName=node))
    another.wait_ready("small", "large")
    asking = shell("main", f"echo one; {SLEEP}", resources={"requests": {"cpu": "100m"}})
    (directory / "web.yaml").write_text(json.dumps(pod("web", asking)))
    shown = mirror(another)
    ended = another.get("pod", "large")["status"]
    assert (ended["phase"], ended["reason"]) == ("Failed", "Preempting")
    finished_at = ended["containerStatuses"][0]["state"]["terminated"]["finishedAt"]
    assert finished_at <= shown["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    described = another.kubectl("describe", "pod", "large").out
    assert "Preempted in order to admit critical pod" in described and "DisruptionTarget" in described
    assert another.get("pod", "small")["status"]["phase"] == "Running"
