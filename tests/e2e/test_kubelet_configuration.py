"""Settings of kubelets in upstream's format: what ``up --kubelet-config`` changes on the nodes."""

import json
from pathlib import Path

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until
from tests.e2e.watching import condition

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


def pods_of_nodes(cluster: RealCluster) -> set[str]:
    return {node["status"]["capacity"]["pods"] for node in cluster.get("nodes")["items"]}


def test_a_configuration_holds_on_every_node_and_can_be_changed_while_pods_run(
    another: RealCluster, archives: dict[str, Path], tmp_path: Path
) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(f"{HEAD}maxPods: 7\nmaxParallelImagePulls: 3\nruntimeRequestTimeout: 1m0s\n")
    another.up("--nodes", "2", "--kubelet-config", str(given))
    assert pods_of_nodes(another) == {"7"}
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    another.apply(pod("p", shell("c", SLEEP)))
    (before,) = another.wait_ready("p")
    given.write_text(f"{HEAD}maxPods: 8\n")
    another.up("--kubelet-config", str(given))
    assert pods_of_nodes(another) == {"8"}
    another.up()
    assert pods_of_nodes(another) == {"8"}
    (after,) = another.wait_ready("p")
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]


def processes_of(cluster: RealCluster, name: str) -> int:
    """Return how many processes the kubelet says that a pod has."""
    path = f"/api/v1/nodes/{cluster.nodes()[0]}/proxy/stats/summary"
    pods = json.loads(cluster.kubectl("get", "--raw", path).out)["pods"]
    return next((int(p["process_stats"]["process_count"]) for p in pods if p["podRef"]["name"] == name), 0)


def test_a_pod_that_forks_without_end_stays_within_its_limit_and_the_node_stays_ready(
    another: RealCluster, archives: dict[str, Path], tmp_path: Path
) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(f"{HEAD}podPidsLimit: 64\n")
    another.up("--kubelet-config", str(given))
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    bomb = {"command": ["awk", 'BEGIN { while (1) system("sleep 3600 2>/dev/null &") }']}
    little = {"limits": {"cpu": "200m"}}
    another.apply(pod("bomb", {"name": "main", **bomb, "resources": little}))
    another.wait_ready("bomb")
    until(lambda: processes_of(another, "bomb") >= 60, "the pod has about as many processes as it may")
    another.apply(pod("neighbour", shell("main", SLEEP)))
    another.wait_ready("neighbour")
    assert another.exec("neighbour", "echo", "here") == "here\n"
    assert processes_of(another, "bomb") <= 64
    (node,) = another.get("nodes")["items"]
    assert [condition(node, kind)["status"] for kind in ("Ready", "PIDPressure")] == ["True", "False"]
    (main,) = another.get("pod", "bomb")["status"]["containerStatuses"]
    assert ("running" in main["state"], main["restartCount"]) == (True, 0)
    another.wait_gone("bomb")
    another.wait_ready("neighbour")


def test_a_configuration_that_cannot_be_followed_makes_no_cluster(another: RealCluster, tmp_path: Path) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(f"{HEAD}cpuManagerPolicy: static\n")
    refused = another.podbay("up", "--name", another.name, "--kubelet-config", str(given), check=False)
    assert refused.code == 1
    assert f'{given}: unknown field "cpuManagerPolicy"' in refused.err
    assert not Path("/var/lib/podbay", another.name).exists()
