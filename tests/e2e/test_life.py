"""A cluster's life: up again, down and back, two side by side, and destroy, which leaves nothing."""

import os
import subprocess
from pathlib import Path

from tests.e2e.harness import SLEEP, RealCluster, fetch, pod, shell, until


def test_up_again_changes_nothing(cluster: RealCluster) -> None:
    before = [cluster.pid(*parts) for parts in (("server.pid",), ("node-1", "containerd.pid"))]
    told = cluster.up()
    assert f"cluster {cluster.name} is up" in told.out
    assert [cluster.pid(*parts) for parts in (("server.pid",), ("node-1", "containerd.pid"))] == before


def test_status_tells_how_it_is(cluster: RealCluster) -> None:
    told = cluster.life("status").out
    for node in cluster.nodes():
        assert f"node {node}\tReady" in told


def test_down_and_up_brings_the_same_pods_back(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    for path in archives.values():
        another.podbay("image", "import", str(path), "--name", another.name)
    another.apply(
        pod("stays", {"name": "kubia", "image": "wanstack/kubia"}),
        pod("done", shell("main", "exit 0"), restartPolicy="Never"),
    )
    (before,) = another.wait_ready("stays")
    until(lambda: another.get("pod", "done")["status"]["phase"] == "Succeeded", "the other pod ends")
    another.life("down")
    assert not _processes(another.name)
    assert another.podbay("status", "--name", another.name, check=False).code == 1
    another.up()

    def is_back() -> bool:
        status = another.get("pod", "stays")["status"]["containerStatuses"][0]
        return bool(status["ready"] and status["restartCount"] == 1)

    until(is_back, "the pod runs again")
    after = another.get("pod", "stays")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert fetch(f"http://{after['status']['podIP']}:8080") == "You've hit stays\n"
    assert another.get("pod", "done")["status"]["phase"] == "Succeeded"


def test_destroy_leaves_nothing(another: RealCluster, cluster: RealCluster, archives: dict[str, Path]) -> None:
    before = _traces()
    another.up("--nodes", "2")
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    memory = {"volumes": [{"name": "m", "emptyDir": {"medium": "Memory"}}]}
    mounts = [{"name": "m", "mountPath": "/m"}]
    another.apply(
        *(
            pod(f"on-{i}", shell("main", SLEEP, volumeMounts=mounts), nodeName=node, **memory)
            for i, node in enumerate(another.nodes())
        )
    )
    another.wait_ready("on-0", "on-1")
    assert another.kubectl("config", "current-context").out == f"podbay-{another.name}\n"
    another.life("destroy")
    until(lambda: not _processes(another.name), "its processes end")
    assert _traces() == before
    assert another.kubectl("config", "get-contexts", "-o", "name").out == ""
    for root in ("/run/podbay", "/var/lib/podbay", "/var/log/podbay"):
        assert not Path(root, another.name).exists()
    assert cluster.kubectl("get", "nodes").code == 0


def test_a_cluster_that_is_not_there_is_told_with_a_remedy(another: RealCluster) -> None:
    for command in ("down", "status"):
        refused = another.podbay(command, "--name", another.name, check=False)
        assert refused.code == 1
        assert f"podbay up --name {another.name}" in refused.err
    refused = another.podbay("up", "--name", "Not_A_Name", check=False)
    assert (refused.code, "lower-case letters" in refused.err) == (1, True)


def _processes(name: str) -> list[str]:
    """Return the command lines that name a cluster, except this test's own."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(name.encode() in word for word in words) and b"pytest" not in b" ".join(words):
                found.append(b" ".join(words).decode(errors="replace"))
    return found


def _traces() -> dict[str, list[str]]:
    """Return what a cluster could leave on a machine, by kind. Other clusters' traces stand still meanwhile."""

    def said(*command: str) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return sorted(line.strip() for line in done.stdout.splitlines())

    return {
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "links": sorted(line.split()[1].partition("@")[0] for line in said("ip", "-o", "link")),
        "namespaces": said("ip", "netns", "list"),
        "files of namespaces": sorted(entry.name for entry in Path("/run/netns").glob("*")),
        "tables": said("nft", "list", "tables"),
        "forwarding": said("iptables", "-S", "FORWARD"),
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/podbay*")),
        "routes": said("ip", "route"),
        "network cache": sorted(entry.name for entry in Path("/var/lib/cni").glob("**/*")),
    }
