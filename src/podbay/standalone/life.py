"""A cluster's life: up, down, status, destroy.

Takes a cluster's name; starts and stops processes, and tells what it waits for. Each is idempotent: what is done
already is left alone, what is half done is completed.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import ContainerState, RuntimeFailure
from podbay.kubelet import cgroups
from podbay.kubelet.volumes import mounting
from podbay.lib.clock import RealClock
from podbay.standalone import containerd, network, processes
from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster, ClusterError, NodePlace
from podbay.standalone.kubeconfigs import forget_context, publish_context, write_own
from podbay.standalone.server import agent_pid, start_agent, start_server
from podbay.wire.times import format_micro_time

Say = Callable[[str], None]
_PATIENCE_S: Final = 60.0
_GRACE: Final = "io.kubernetes.pod.terminationGracePeriod"


def up(cluster: Cluster, *, nodes: int | None, say: Say) -> None:
    """Bring a cluster up, new or as it was; return when a pod could run. Raises ClusterError."""
    check_machine()
    began = time.monotonic()
    launched = format_micro_time(datetime.now(UTC))
    if not cluster.exists():
        settings = cluster.make(nodes=nodes or 1)
        say(f"cluster {cluster.name}: new, state in {cluster.state}")
    else:
        settings = cluster.settings()
        if nodes is not None and nodes != settings.nodes:
            if nodes < settings.nodes:
                raise ClusterError(f"cluster {cluster.name} has {settings.nodes} nodes: destroy it to have fewer")
            settings = replace(settings, nodes=nodes)
            cluster.write(settings)
            if settings.nodes > 1:
                processes.stop(cluster.server_pid)  # it must listen on the bridge that joins the nodes
    admin = Admin(cluster)
    started = False
    if processes.running(cluster.server_pid) is None:
        started = True
        say(f"starting the server on port {settings.port}")
        start_server(cluster, _command("server", cluster))
    _wait(admin.is_ready, "the API server", cluster.log / "server.log", cluster.server_pid)
    if started:
        say(f"API server ready after {time.monotonic() - began:.2f} s")
    for index in range(2, settings.nodes + 1):
        if processes.running(agent_pid(cluster, index)) is None:
            started = True
            say(f"starting node {cluster.node(index).name}")
            network.ensure_node_namespace(cluster.node(index), settings.node_cidr)
            start_agent(cluster, index, [*_command("agent", cluster), "--index", str(index)])
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        pid = cluster.server_pid if index == 1 else agent_pid(cluster, index)
        log = cluster.log / "server.log" if index == 1 else place.log / "agent.log"
        _wait(partial(_is_node_ready, admin, place.name, launched if started else ""), f"node {place.name}", log, pid)
    write_own(cluster, admin.config)
    where = publish_context(cluster, admin.config)
    admin.close()
    if started:
        say(
            f"cluster {cluster.name} is up after {time.monotonic() - began:.2f} s; context {cluster.context} in {where}"
        )
    else:
        say(f"cluster {cluster.name} is up; context {cluster.context} in {where}")


def down(cluster: Cluster, *, say: Say) -> None:
    """Stop the pods with their grace periods, then every process; keep the state. Raises ClusterError."""
    settings = cluster.settings()
    for index in range(settings.nodes, 1, -1):
        processes.stop(agent_pid(cluster, index))
    processes.stop(cluster.server_pid)
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        if processes.running(place.run / "containerd.pid") is not None:
            say(f"stopping the pods of node {place.name}")
            with contextlib.suppress(RuntimeFailure):
                asyncio.run(_stop_pods(place, remove=False))
            processes.stop(place.run / "containerd.pid")
    say(f"cluster {cluster.name} is down")


def destroy(cluster: Cluster, *, say: Say) -> None:
    """Remove everything of a cluster: processes, mounts, networks, rules, cgroups, files, kubeconfig entries."""
    if not cluster.exists() and not (cluster.run.is_dir() and any(cluster.run.iterdir())):
        forget_context(cluster)
        for directory in (cluster.run, cluster.log, cluster.state):
            with contextlib.suppress(OSError):
                directory.rmdir()  # of a cluster whose making was cut short
        say(f"there is no cluster {cluster.name}")
        return
    settings = cluster.settings()
    for index in range(settings.nodes, 1, -1):
        processes.stop(agent_pid(cluster, index))
    processes.stop(cluster.server_pid)
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        if processes.running(place.run / "containerd.pid") is not None:
            with contextlib.suppress(RuntimeFailure):
                asyncio.run(_stop_pods(place, remove=True))
            processes.stop(place.run / "containerd.pid")
        _kill_shims(place)
    network.tear_down_host(cluster, settings.cluster_cidr)
    for directory in (cluster.run, cluster.state):
        _unmount_below(directory)
    _remove_network_namespaces(cluster)
    for index in range(1, settings.nodes + 1):
        cgroups.remove(cluster.node(index).cgroup)
    cgroups.remove(cluster.cgroup)
    forget_context(cluster)
    for directory in (cluster.run, cluster.log, cluster.state):
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            directory.parent.rmdir()
    say(f"cluster {cluster.name} is gone")


def status(cluster: Cluster, *, say: Say) -> int:
    """Tell how a cluster is; return 0 if it is up and ready."""
    settings = cluster.settings()
    server = processes.running(cluster.server_pid)
    ready = False
    if server is not None:
        admin = Admin(cluster)
        ready = admin.is_ready()
        say(f"server\tpid {server}, port {settings.port}, {'ready' if ready else 'not ready'}")
        if ready:
            for node in admin.get("/api/v1/nodes")["items"]:
                conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", ())}
                ready = ready and conditions.get("Ready") == "True"
                told = "Ready" if conditions.get("Ready") == "True" else "NotReady"
                say(f"node {node['metadata']['name']}\t{told}")
            pods = admin.get("/api/v1/pods")["items"]
            running = sum(pod["status"].get("phase") == "Running" for pod in pods)
            say(f"pods\t{running} running of {len(pods)}")
        admin.close()
    else:
        say("server\tnot running")
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        pid = processes.running(place.run / "containerd.pid")
        say(f"containerd {place.name}\t{f'pid {pid}' if pid else 'not running'}")
        if index > 1:
            pid = processes.running(agent_pid(cluster, index))
            say(f"agent {place.name}\t{f'pid {pid}' if pid else 'not running'}")
    say(f"state\t{cluster.state}")
    say(f"logs\t{cluster.log}")
    say(f"context\t{cluster.context}")
    return 0 if ready else 1


def check_machine() -> None:
    """Refuse a machine that cannot run pods, saying what to do. Raises ClusterError."""
    if os.geteuid() != 0:
        raise ClusterError("podbay up needs root, because containers do: run it with sudo")
    containerd.binary("containerd", "containerd")
    containerd.low_level_runtime()
    containerd.cni_directory()
    containerd.binary("ip", "iproute2")
    containerd.binary("nft", "nftables")
    if not cgroups.hierarchies():
        raise ClusterError("no cgroups are mounted on /sys/fs/cgroup: mount them (on a container host, by systemd)")


async def _stop_pods(place: NodePlace, *, remove: bool) -> None:
    runtime = CriRuntime(str(place.socket), RealClock())
    try:
        running = [c for c in await runtime.containers() if c.state is ContainerState.RUNNING]
        await asyncio.gather(
            *(runtime.stop_container(c.id, 1 if remove else float(c.annotations.get(_GRACE, "30"))) for c in running)
        )
        for sandbox in await runtime.sandboxes():
            await runtime.stop_sandbox(sandbox.id)
            if remove:
                await runtime.remove_sandbox(sandbox.id)
    finally:
        await runtime.close()


def _kill_shims(place: NodePlace) -> None:
    """End shims that outlived their containerd, with what runs under them."""
    mark = str(place.run / "containerd").encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            address = str(place.socket).encode()
            if b"containerd-shim" in words[0] and (address in words or any(mark in word for word in words)):
                for pid_file in (place.run / "containerd").glob("io.containerd.runtime.v2.task/k8s.io/*/init.pid"):
                    with contextlib.suppress(OSError, ValueError):
                        os.kill(int(pid_file.read_text()), 9)
                os.kill(int(entry.name), 9)


def _unmount_below(directory: Path) -> None:
    """Unmount everything in a directory. Raises ClusterError if something stays: what is in it must not be removed."""
    for mount in mounting.mounts_below(directory):
        with contextlib.suppress(OSError):
            mounting.unmount(mount)
    left = mounting.mounts_below(directory)
    if left:
        raise ClusterError(f"{left[0]} cannot be unmounted: unmount it, then run the command again")


def _remove_network_namespaces(cluster: Cluster) -> None:
    """Remove namespaces that the CNI made for this cluster's sandboxes and that were left behind."""
    marks = cluster.run / "netns"
    if marks.is_dir():
        for mark in marks.iterdir():
            subprocess.run(["umount", "-l", f"/var/run/netns/{mark.name}"], capture_output=True, check=False)
            Path("/var/run/netns", mark.name).unlink(missing_ok=True)


def _is_node_ready(admin: Admin, name: str, since: str) -> bool:
    """Tell whether a node is ready and has said so since a moment: what it said in an earlier life does not count."""
    with contextlib.suppress(ClusterError, OSError):
        lease = admin.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
        if lease["spec"].get("renewTime", "") < since:
            return False
        node = admin.get(f"/api/v1/nodes/{name}")
        return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", ()))
    return False


def _wait(is_there: Callable[[], bool], what: str, log: Path, pid_file: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_there():
        if processes.running(pid_file) is None:
            raise ClusterError(f"{what} ended while it was starting: {_last_words(log)}\nsee {log}")
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} is not ready after {_PATIENCE_S:.0f} s: see {log}")
        time.sleep(0.01)


def _last_words(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
    return "it left no log"


def _command(part: str, cluster: Cluster) -> list[str]:
    return [sys.executable, "-m", "podbay", part, "--name", cluster.name]
