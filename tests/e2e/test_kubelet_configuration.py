"""Settings of kubelets in upstream's format: what ``up --kubelet-config`` changes on the nodes."""

from pathlib import Path

from tests.e2e.harness import SLEEP, RealCluster, pod, shell

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


def test_a_configuration_that_cannot_be_followed_makes_no_cluster(another: RealCluster, tmp_path: Path) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(f"{HEAD}cpuManagerPolicy: static\n")
    refused = another.podbay("up", "--name", another.name, "--kubelet-config", str(given), check=False)
    assert refused.code == 1
    assert f'{given}: unknown field "cpuManagerPolicy"' in refused.err
    assert not Path("/var/lib/podbay", another.name).exists()
