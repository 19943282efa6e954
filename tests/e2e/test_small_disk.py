"""A cluster whose state is on a small disk of its own, which a pod fills: the node and the store stay in charge."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

SIZE_MI: Final = 256
PATIENCE_S: Final = 90.0
CONFIGURATION: Final = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {{nodefs.available: {least}}}
evictionPressureTransitionPeriod: 1s
"""


@pytest.fixture
def small(another: RealCluster, tmp_path: Path) -> Iterator[RealCluster]:
    """Give a cluster, not made yet, whose state is on a file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MI}m", "tmpfs", str(disk)], check=True)
    another.environment["PODBAY_STATE"] = str(disk)
    try:
        yield another
    finally:
        another.podbay("destroy", "--name", another.name, check=False)
        subprocess.run(["umount", "-l", str(disk)], check=True)


def up(cluster: RealCluster, archives: dict[str, Path], *, least: str) -> None:
    file = cluster.directory / "kubelet.yaml"
    file.write_text(CONFIGURATION.format(least=least))
    cluster.up("--kubelet-config", str(file))
    cluster.podbay("image", "import", str(archives["busybox"]), "--name", cluster.name)


def filler(name: str, size_mi: int) -> dict[str, Any]:
    mounts = [{"name": "cache", "mountPath": "/cache"}]
    script = f"dd if=/dev/zero of=/cache/file bs=1M count={size_mi}; {SLEEP}"
    return pod(name, shell("main", script, volumeMounts=mounts), volumes=[{"name": "cache", "emptyDir": {}}])


def pressure(cluster: RealCluster) -> str:
    (node,) = cluster.get("nodes")["items"]
    return str(next(each["status"] for each in node["status"]["conditions"] if each["type"] == "DiskPressure"))


@pytest.mark.timeout(300)
def test_a_pod_that_fills_the_nodes_disk_goes_and_the_others_stay(
    small: RealCluster, archives: dict[str, Path]
) -> None:
    up(small, archives, least="96Mi")
    small.apply(pod("modest", shell("main", SLEEP)))
    small.wait_ready("modest")
    free_mi = free(small) - 96
    small.apply(filler("greedy", free_mi + 40))

    status = until(
        lambda: (found := small.get("pod", "greedy")["status"])["phase"] == "Failed" and found,
        "the pod that fills the disk is evicted",
        patience_s=PATIENCE_S,
    )
    assert status["reason"] == "Evicted"
    assert status["message"].startswith(
        "The node was low on resource: ephemeral-storage. Threshold quantity: 96Mi, available: "
    )
    targets = [each for each in status["conditions"] if each["type"] == "DisruptionTarget"]
    assert [(each["status"], each["reason"]) for each in targets] == [("True", "TerminationByKubelet")]
    until(lambda: pressure(small) == "False", "the disk is free again", patience_s=PATIENCE_S)
    assert small.get("pod", "modest")["status"]["phase"] == "Running"
    wanted = {"NodeHasDiskPressure", "EvictionThresholdMet", "Evicted", "NodeHasNoDiskPressure"}

    def are_told() -> bool:
        return wanted <= {event["reason"] for event in small.get("events", "-A")["items"]}

    until(are_told, f"events tell of {wanted}")


@pytest.mark.timeout(300)
def test_a_full_disk_loses_nothing_that_was_acknowledged(small: RealCluster, archives: dict[str, Path]) -> None:
    up(small, archives, least="0%")
    small.kubectl("create", "configmap", "before", "--from-literal=k=v")
    acknowledged = [("before", "")]  # at the least: whether a full disk takes any is up to it
    small.apply(filler("greedy", SIZE_MI))
    small.wait_ready("greedy")
    until(lambda: free(small) == 0, "the disk is full")
    refused: list[tuple[str, str]] = []
    for number in range(60):
        made = small.kubectl("create", "configmap", f"m{number}", f"--from-literal=k={'v' * 50_000}", check=False)
        (acknowledged if made.code == 0 else refused).append((f"m{number}", made.err))
    assert refused, "the store has found room on a full disk"
    assert all("error" in told.lower() for _, told in refused)
    names = {each["metadata"]["name"] for each in small.get("configmaps")["items"]}
    assert {name for name, _ in acknowledged} <= names
    assert small.get("pod", "greedy")["status"]["phase"] == "Running"
    small.exec("greedy", "rm", "/cache/file")
    small.kubectl("create", "configmap", "after", "--from-literal=k=v")
    small.life("down")
    small.up()
    kept = {each["metadata"]["name"] for each in small.get("configmaps")["items"]}
    assert {name for name, _ in acknowledged} | {"after"} <= kept


def free(cluster: RealCluster) -> int:
    """Return how many mebibytes are free on the cluster's disk."""
    told = subprocess.run(
        ["df", "--output=avail", "-m", cluster.environment["PODBAY_STATE"]], capture_output=True, text=True, check=True
    )
    return int(told.stdout.split()[-1])
