"""A cluster's life: up again, down and back, two side by side, and destroy, which leaves nothing."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from podbay.kubelet import cgroups
from podbay.standalone import mounts, network, processes
from podbay.standalone.cluster import Cluster
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


def test_up_again_changes_nothing_and_takes_less_than_a_second(cluster: RealCluster) -> None:
    files = (("server.pid",), ("node-1", "containerd.pid"), ("node-2", "agent.pid"), ("node-2", "containerd.pid"))
    before = [cluster.pid(*parts) for parts in files]
    began = os.times()
    told = cluster.up()
    spent = os.times()
    assert told.out == f"cluster {cluster.name} is up; context {cluster.context} in {cluster.directory}/kubeconfig\n"
    assert [cluster.pid(*parts) for parts in files] == before
    # What it computes, not how long it waited for a processor that others use too.
    assert spent.children_user + spent.children_system - began.children_user - began.children_system < 1


def test_status_tells_how_it_is_and_where_to_look(cluster: RealCluster) -> None:
    told = {line.partition("  ")[0]: line for line in cluster.life("status").out.splitlines()}
    for node in cluster.nodes():
        assert "Ready, " in told[f"node {node}"]
        assert (
            f"{cluster.pid(f'node-{cluster.nodes().index(node) + 1}', 'containerd.pid')}" in told[f"containerd {node}"]
        )
    assert "https://127.0.0.1:" in told["endpoint"]
    assert told["version"].split()[-1].startswith("v1.33.")
    for what in ("server", f"agent {cluster.nodes()[1]}"):
        log = Path(told[what].partition(", log ")[2])
        assert log.stat().st_size > 0
    assert Path(told["logs"].split()[-1]).is_dir()


def test_nobody_but_root_reads_the_state_in_which_secrets_are(cluster: RealCluster) -> None:
    assert Path("/var/lib/podbay", cluster.name).stat().st_mode & 0o777 == 0o700


def test_every_process_is_in_the_cluster_s_cgroup_and_names_it(cluster: RealCluster) -> None:
    inside = cgroups.processes(f"/podbay-{cluster.name}/system")
    for parts in (("server.pid",), ("node-1", "containerd.pid"), ("node-2", "agent.pid"), ("node-2", "containerd.pid")):
        pid = cluster.pid(*parts)
        assert pid in inside
        assert os.getsid(pid) == pid
        assert cluster.name in Path(f"/proc/{pid}/cmdline").read_text()


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


@pytest.mark.parametrize("how", ["killed", "rebooted"])
def test_up_after_the_worst_brings_the_same_pods_back(
    another: RealCluster, archives: dict[str, Path], how: str
) -> None:
    another.up("--nodes", "2")
    for path in archives.values():
        another.podbay("image", "import", str(path), "--name", another.name)
    first, second = another.nodes()
    another.apply(
        pod("stays", {"name": "kubia", "image": "wanstack/kubia"}, nodeName=first),
        pod("there", {"name": "kubia", "image": "wanstack/kubia"}, nodeName=second),
        pod("done", shell("main", "exit 0"), restartPolicy="Never", nodeName=first),
        pod("once", shell("main", SLEEP), restartPolicy="Never", nodeName=first),
    )
    before = {p["metadata"]["name"]: p["metadata"]["uid"] for p in another.wait_ready("stays", "there", "once")}
    until(lambda: another.get("pod", "done")["status"]["phase"] == "Succeeded", "the other pod ends")
    _kill_everything(another.name)
    if how == "rebooted":
        _forget_what_a_reboot_forgets(another.name)
    assert another.podbay("status", "--name", another.name, check=False).code == 1
    another.up()

    def is_back(name: str) -> bool:
        status = another.get("pod", name)["status"]["containerStatuses"][0]
        return bool(status["ready"] and status["restartCount"] == 1)

    for name in ("stays", "there"):
        until(lambda name=name: is_back(name), f"{name} runs again")  # type: ignore[misc]
        found = another.get("pod", name)
        assert found["metadata"]["uid"] == before[name]
        assert fetch(f"http://{found['status']['podIP']}:8080") == f"You've hit {name}\n"
    assert another.get("pod", "done")["status"]["phase"] == "Succeeded"
    ended = until(lambda: (p := another.get("pod", "once"))["status"]["phase"] == "Failed" and p, "the other has ended")
    assert (ended["metadata"]["uid"], ended["status"]["containerStatuses"][0]["restartCount"]) == (before["once"], 0)
    another.life("destroy")
    assert not _processes(another.name)


def test_a_pod_that_outlived_its_containerd_is_stopped_by_down(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    another.apply(pod("tough", shell("main", SLEEP)))
    another.wait_ready("tough")
    for parts in (("server.pid",), ("node-1", "containerd.pid")):
        os.kill(another.pid(*parts), signal.SIGKILL)
    another.life("down")
    assert not _processes(another.name)
    assert not cgroups.processes(f"/podbay-{another.name}")


def test_more_nodes_can_be_asked_for_and_fewer_cannot(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    another.apply(pod("kept", shell("main", SLEEP)))
    (before,) = another.wait_ready("kept")
    another.up("--nodes", "2")
    assert len(another.nodes()) == 2
    after = another.get("pod", "kept")["status"]["containerStatuses"][0]
    assert after == before["status"]["containerStatuses"][0]
    another.podbay("image", "pull", "busybox", "--name", another.name)
    another.apply(pod("new", shell("main", SLEEP), nodeName=another.nodes()[1]))
    another.wait_ready("new")
    refused = another.podbay("up", "--name", another.name, "--nodes", "1", check=False)
    assert (refused.code, f"podbay destroy --name {another.name}" in refused.err) == (1, True)
    assert len(another.nodes()) == 2


def test_a_cluster_on_crun_keeps_to_one_mount_namespace(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up("--oci-runtime", "crun", "--nodes", "2")
    another.podbay("image", "import", str(archives["kubia"]), "--name", another.name)
    names = [f"pod-{index}" for index, _ in enumerate(another.nodes())]
    another.apply(
        *(
            pod(name, {"name": "kubia", "image": "wanstack/kubia"}, nodeName=node)
            for name, node in zip(names, another.nodes(), strict=True)
        )
    )
    another.wait_ready(*names)
    containerd = ("node-1", "containerd.pid")
    before = another.pid(*containerd)
    os.kill(before, signal.SIGKILL)
    until(lambda: another.pid(*containerd) != before, "containerd is started again")
    files = (("server.pid",), containerd, ("node-2", "agent.pid"), ("node-2", "containerd.pid"))
    inside = {os.stat(f"/proc/{another.pid(*parts)}/ns/mnt").st_ino for parts in files}
    assert len(inside) == 1
    own = os.stat("/proc/self/ns/mnt").st_ino
    assert (own in inside) == (not mounts.is_needed("crun"))
    for name in names:
        assert another.exec(name, "hostname") == f"{name}\n"
    refused = another.podbay("up", "--name", another.name, "--oci-runtime", "runc", check=False)
    assert (refused.code, "was made with crun" in refused.err) == (1, True)
    another.life("destroy")
    assert not _processes(another.name)
    assert another.name not in Path("/proc/self/mountinfo").read_text()


def test_two_commands_on_one_cluster_wait_for_each_other(another: RealCluster) -> None:
    command = [sys.executable, "-m", "podbay", "up", "--name", another.name]
    both = [subprocess.Popen(command, env=another.environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(f"waiting for another podbay command on cluster {another.name}" in text for text in told) == [
        False,
        True,
    ]
    assert len(another.nodes()) == 1


def test_a_port_that_somebody_took_is_told_with_a_remedy(another: RealCluster) -> None:
    another.up()
    port = int(another.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}").out.rpartition(":")[2])
    another.life("down")
    with socket.create_server(("127.0.0.1", port)):
        refused = another.podbay("up", "--name", another.name, check=False)
    assert refused.code == 1
    assert f"port {port}, the cluster's API server's, is taken" in refused.err
    assert f"pid={os.getpid()}" in refused.err
    assert f"podbay destroy --name {another.name}" in refused.err


def test_a_containerd_that_dies_at_start_is_told_with_its_log(another: RealCluster) -> None:
    another.up()
    another.life("down")
    database = Path("/var/lib/podbay", another.name, "node-1/containerd/io.containerd.metadata.v1.bolt/meta.db")
    database.write_bytes(b"broken" * 1000)
    refused = another.podbay("up", "--name", another.name, check=False)
    assert refused.code == 1
    assert "containerd" in refused.err
    assert f"/var/log/podbay/{another.name}/node-1/containerd.log" in refused.err


@pytest.mark.parametrize("how", ["broken", "newer"])
def test_a_store_that_cannot_be_used_is_told_with_a_remedy(another: RealCluster, how: str) -> None:
    another.up()
    another.life("down")
    store = Path("/var/lib/podbay", another.name, "store.db")
    if how == "broken":
        store.write_bytes(b"this is no database " * 500)
        for of_its in ("-wal", "-shm"):
            store.with_name(f"store.db{of_its}").unlink(missing_ok=True)
    else:
        with sqlite3.connect(store) as connection:
            connection.execute("PRAGMA user_version = 1000")
        connection.close()
    refused = another.podbay("up", "--name", another.name, check=False)
    assert refused.code == 1
    assert str(store) in refused.err
    assert ("newer podbay" if how == "newer" else "podbay destroy") in refused.err
    assert f"/var/log/podbay/{another.name}/server.log" in refused.err


def test_settings_that_are_broken_are_told_and_the_cluster_can_be_destroyed(another: RealCluster) -> None:
    another.up()
    Path("/var/lib/podbay", another.name, "cluster.json").write_text('{"port": ')
    for command in ("up", "status", "down"):
        refused = another.podbay(command, "--name", another.name, check=False)
        assert (refused.code, f"podbay destroy --name {another.name}" in refused.err) == (1, True)
    another.life("destroy")
    assert not _processes(another.name)


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
    assert len(_pod_mounts(another)) == 2 * 8  # seven of its own, and its token
    another.up()
    another.wait_ready("one", "two")
    another.wait_gone("one")
    until(lambda: len(_pod_mounts(another)) == 8, "the volumes of one pod are unmounted")
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


def _kill_everything(name: str) -> None:
    """Kill every process of a cluster, its pods too, as a power cut does."""

    def all_are_gone() -> bool:
        processes.kill(
            cgroups.processes(f"/podbay-{name}")
        )  # the server may have started one that was killed before it
        return not cgroups.processes(f"/podbay-{name}")

    until(all_are_gone, "everything is killed")


def _forget_what_a_reboot_forgets(name: str) -> None:
    """Take away what is only in memory: mounts, namespaces, links, rules, cgroups, the run directory."""
    cluster = Cluster(name)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed(points):
        if point.startswith((f"{cluster.run}/", f"{cluster.state}/")):
            subprocess.run(["umount", "-l", point], check=True)
    network.tear_down_host(cluster)
    cgroups.remove(cluster.cgroup)
    shutil.rmtree(cluster.run)


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
