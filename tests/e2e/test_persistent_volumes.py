"""Persistent volumes on real nodes: data outlives pods and restarts, directories go with their claims."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

pytestmark = pytest.mark.timeout(180)


def claim(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}, **spec},
    }


def claiming(
    name: str, claim_name: str, script: str = SLEEP, read_only: bool = False, mount: Any = None, **spec: Any
) -> dict[str, Any]:
    mounts = [{"name": "data", "mountPath": "/data", **(mount or {})}]
    source = {"claimName": claim_name, "readOnly": read_only}
    volumes = [{"name": "data", "persistentVolumeClaim": source}]
    return pod(name, shell("main", script, volumeMounts=mounts), volumes=volumes, **spec)


def directory_of(cluster: RealCluster, claim_name: str) -> Path:
    """Return the directory of a claim's volume."""
    volume = cluster.get("pvc", claim_name)["spec"]["volumeName"]
    return Path(cluster.get("pv", volume)["spec"]["hostPath"]["path"])


def test_data_is_on_the_node_of_the_first_pod_and_every_other_goes_there(cluster: RealCluster) -> None:
    second = cluster.nodes()[1]
    cluster.apply(claim("kept"), claiming("first", "kept", nodeSelector={"kubernetes.io/hostname": second}))
    cluster.wait_ready("first")
    cluster.exec("first", "sh", "-c", "echo hello > /data/word")
    directory = directory_of(cluster, "kept")
    assert (directory / "word").read_text() == "hello\n"
    assert f"/{cluster.name}/node-2/" in str(directory)
    cluster.wait_gone("first")
    not_root = {"runAsUser": 1000}
    cluster.apply(
        claiming("reader", "kept", read_only=True),
        claiming("below", "kept", mount={"subPath": "sub"}),
        claiming("user", "kept", securityContext=not_root),
    )
    found = cluster.wait_ready("reader", "below", "user")
    assert {one["spec"]["nodeName"] for one in found} == {second}
    assert cluster.exec("reader", "cat", "/data/word") == "hello\n"
    refused = cluster.kubectl("exec", "reader", "--", "touch", "/data/x", check=False)
    assert "Read-only file system" in refused.err
    cluster.exec("below", "touch", "/data/inside")
    assert (directory / "sub" / "inside").exists()
    cluster.exec("user", "touch", "/data/anybody")
    cluster.kubectl("delete", "pvc", "kept", "--wait=false")
    assert cluster.get("pvc", "kept")["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert directory.exists()
    cluster.wait_gone("reader", "below", "user")
    until(lambda: not directory.exists(), "the directory goes with its claim")
    until(lambda: not cluster.get("pv")["items"], "and the volume")


def test_a_volume_that_a_pod_brings_is_there_as_long_as_the_pod(cluster: RealCluster) -> None:
    template = {"metadata": {"labels": {"of": "brings"}}, "spec": claim("")["spec"]}
    volumes = [{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}]
    mounts = [{"name": "data", "mountPath": "/data"}]
    script = "until [ -e /tmp/end ]; do sleep 0.1; done"
    cluster.apply(pod("brings", shell("main", script, volumeMounts=mounts), volumes=volumes))
    cluster.wait_ready("brings")
    cluster.exec("brings", "sh", "-c", "echo hello > /data/word")
    directory = directory_of(cluster, "brings-data")
    assert (directory / "word").read_text() == "hello\n"
    assert cluster.get("pvc", "brings-data")["metadata"]["labels"] == {"of": "brings"}
    used = cluster.kubectl("describe", "pvc", "brings-data").out
    assert re.search(r"Used By: +brings\n", used)
    cluster.exec("brings", "touch", "/tmp/end")
    until(lambda: cluster.get("pod", "brings")["status"]["containerStatuses"][0]["restartCount"], "it starts again")
    cluster.wait_ready("brings")
    assert cluster.exec("brings", "cat", "/data/word") == "hello\n"
    cluster.wait_gone("brings")
    until(lambda: not directory.exists(), "the directory goes with the pod")
    until(lambda: not cluster.get("pvc")["items"] and not cluster.get("pv")["items"], "as claim and volume do")


def test_a_local_volume_that_is_there_already_is_bound_and_kept(cluster: RealCluster, tmp_path: Path) -> None:
    first = cluster.nodes()[0]
    directory = tmp_path / "disk"
    directory.mkdir()
    directory.chmod(0o700)
    (directory / "old").write_text("data\n")
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [first]}]}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "disk"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "local": {"path": str(directory)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
        },
        claim("static", storageClassName=""),
        claiming("static", "static", securityContext={"runAsUser": 1000, "fsGroup": 2000}),
    )
    [found] = cluster.wait_ready("static")
    assert found["spec"]["nodeName"] == first
    assert cluster.exec("static", "cat", "/data/old") == "data\n"
    cluster.exec("static", "touch", "/data/new")
    assert (directory / "new").stat().st_gid == 2000
    cluster.wait_gone("static")
    cluster.kubectl("delete", "pvc", "static")
    until(lambda: cluster.get("pv", "disk")["status"]["phase"] == "Released", "the volume is released")
    assert (directory / "old").exists()
    cluster.kubectl("delete", "pv", "disk")


def test_data_outlives_a_restart_and_a_claim_that_is_deleted_meanwhile_takes_its_directory(
    another: RealCluster, archives: dict[str, Path]
) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    another.apply(claim("kept"), claiming("web", "kept"))
    another.wait_ready("web")
    another.exec("web", "sh", "-c", "echo hello > /data/word")
    directory = directory_of(another, "kept")
    another.life("down")
    assert (directory / "word").exists()
    another.up()
    another.wait_ready("web")
    assert another.exec("web", "cat", "/data/word") == "hello\n"
    another.wait_gone("web")
    another.kubectl("delete", "pvc", "kept")
    until(lambda: not directory.exists(), "the directory goes with its claim")
