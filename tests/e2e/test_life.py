"""A cluster's life: up again, down and back, two side by side, and destroy, which leaves nothing."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.e2e.harness import SLEEP, RealCluster, fetch, pod, shell, until

SECRET: Final = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "hidden", "namespace": "default"},
    "stringData": {"word": "sesame"},
}


def with_volumes(name: str, node: str) -> dict[str, Any]:
    """Return a pod with every kind of mount: in memory, of a sub-path, and one that a container makes and shares."""
    volumes = [
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
        {"name": "disk", "emptyDir": {}},
        {"name": "secret", "secret": {"secretName": "hidden"}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "hidden"}}]}},
    ]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    mounts[1]["mountPropagation"] = "Bidirectional"
    mounts += [{"name": name, "mountPath": f"/sub-{name}", "subPath": sub} for name, sub in SUB_PATHS.items()]
    container = shell("main", f"mkdir '/disk/a b'; mount -t tmpfs tmpfs '/disk/a b'; {SLEEP}", volumeMounts=mounts)
    container["securityContext"] = {"privileged": True}
    return pod(name, container, nodeName=node, volumes=volumes)


SUB_PATHS: Final = {"disk": "below", "secret": "word", "memory": "below"}


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
    another.apply(SECRET, *(with_volumes(f"on-{i}", node) for i, node in enumerate(another.nodes())))
    another.wait_ready("on-0", "on-1")
    os.kill(another.pid("node-2", "agent.pid"), signal.SIGKILL)  # nobody tears down what it has mounted
    assert another.kubectl("config", "current-context").out == f"podbay-{another.name}\n"
    another.life("destroy")
    until(lambda: not _processes(another.name), "its processes end")
    assert _traces() == before
    assert another.kubectl("config", "get-contexts", "-o", "name").out == ""
    for root in ("/run/podbay", "/var/lib/podbay", "/var/log/podbay"):
        assert not Path(root, another.name).exists()
    assert cluster.kubectl("get", "nodes").code == 0


def test_volumes_go_with_their_pod_also_after_a_kill(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    (node,) = another.nodes()
    another.apply(SECRET, with_volumes("one", node), with_volumes("two", node))
    another.wait_ready("one", "two")
    os.kill(another.pid("server.pid"), signal.SIGKILL)
    assert len(_pod_mounts(another)) == 2 * 7
    another.up()
    another.wait_ready("one", "two")
    another.wait_gone("one")
    until(lambda: len(_pod_mounts(another)) == 7, "the volumes of one pod are unmounted")
    another.kubectl("delete", "pod", "two", "--wait=false")
    os.kill(another.pid("server.pid"), signal.SIGKILL)
    another.up()
    until(lambda: not _pod_mounts(another), "the volumes of the other are unmounted")
    pods = Path("/var/lib/podbay", another.name, "node-1", "kubelet", "pods")
    until(lambda: not list(pods.iterdir()), "the directories of both are removed")


def test_a_cluster_that_is_not_there_is_told_with_a_remedy(another: RealCluster) -> None:
    for command in ("down", "status"):
        refused = another.podbay(command, "--name", another.name, check=False)
        assert refused.code == 1
        assert f"podbay up --name {another.name}" in refused.err
    refused = another.podbay("up", "--name", "Not_A_Name", check=False)
    assert (refused.code, "lower-case letters" in refused.err) == (1, True)


def _pod_mounts(cluster: RealCluster) -> list[str]:
    """Return the mounts in the pods of a cluster's first node."""
    root = f"/var/lib/podbay/{cluster.name}/node-1/kubelet/pods/"
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(root)]


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
