"""A cluster's life: up and down.

Takes a cluster; starts and stops processes, and tells what it waits for. Each is idempotent: what is done already is
left alone, what is half done is completed. ``destroy`` and ``status`` have modules of their own.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from podbay.standalone import (
    allocation,
    auditing,
    containerd,
    kubeconfigs,
    kubelets,
    machine,
    mounts,
    network,
    processes,
)
from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster, given_runtimes
from podbay.standalone.errors import ClusterError
from podbay.standalone.settings import Settings

Say = Callable[[str], None]
_PATIENCE_S: Final = 60.0
_SILENCE_S: Final = 2.0


def up(
    cluster: Cluster,
    *,
    nodes: int | None = None,
    oci_runtime: str = "",
    runtime_endpoint: str = "",
    kubelet_config: str = "",
    audit: Mapping[str, str] | None = None,
    say: Say,
) -> None:
    """Bring a cluster up, new or as it was; return when a pod could run. Raises ClusterError."""
    began = time.monotonic()
    machine.root()
    kubelet_text = kubelets.read(Path(kubelet_config)) if kubelet_config else ""
    audit_said = auditing.read(cluster, audit or {})
    with cluster.held(say):
        try:
            settings = _settings(cluster, nodes, oci_runtime, runtime_endpoint, say)
        except ClusterError:
            for directory in (cluster.state, cluster.state.parent):
                with contextlib.suppress(OSError):
                    directory.rmdir()  # made to be held, and empty if the cluster was not made
            raise
        if kubelet_text and kubelets.configure(cluster, kubelet_text):
            say(f"cluster {cluster.name}: its kubelets start with another configuration; pods run on")
        if audit_said and auditing.configure(cluster, audit_said):
            say(f"cluster {cluster.name}: its server starts again, with another audit log or policy; pods run on")
        launched = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        admin = Admin(cluster)
        started = _start_server(cluster, settings, say)
        _wait(lambda: "" if admin.is_ready() else "no answer", "the API server", cluster, 1, say)
        if started:
            say(f"API server ready after {time.monotonic() - began:.2f} s")
        fresh = {1} if started else set()
        for index in range(2, settings.nodes + 1):
            if _start_agent(cluster, settings, index, say):
                fresh.add(index)
        config = admin.config()
        kubeconfigs.write_own(cluster, config)
        where = kubeconfigs.publish_context(cluster, config)
        for index in range(1, settings.nodes + 1):
            place = cluster.node(index)
            since = launched if index in fresh else ""
            _wait(partial(_lacking, admin, place.name, since), f"node {place.name}", cluster, index, say)
        admin.close()
    took = f" after {time.monotonic() - began:.2f} s" if fresh else ""
    say(f"cluster {cluster.name} is up{took}; context {cluster.context} in {where}")


def down(cluster: Cluster, *, say: Say) -> None:
    """Stop the pods with their grace periods, then every process; keep the state. Raises ClusterError."""
    machine.root()
    cluster.settings()
    with cluster.held(say):
        from podbay.standalone import halt

        places = cluster.places()
        halt.stop_agents(places)
        halt.stop_pods(cluster, remove=False, say=say)
        halt.stop_runtimes(places)
        halt.kill_the_rest(cluster)
    say(f"cluster {cluster.name} is down; `podbay up{cluster.flag}` brings it back")


def server_url(settings: Settings) -> str:
    """Return where this machine reaches the API server."""
    return f"https://127.0.0.1:{settings.port}"


def _settings(cluster: Cluster, nodes: int | None, oci_runtime: str, runtime_endpoint: str, say: Say) -> Settings:
    """Return the settings: those there are, grown by nodes, or new ones."""
    if not cluster.exists():
        machine.check(oci_runtime=oci_runtime, private=not runtime_endpoint)
        if runtime_endpoint:
            _check_endpoint(cluster, runtime_endpoint, nodes)
        else:
            oci_runtime = machine.oci_runtime_path(oci_runtime).rpartition("/")[2]
        settings = cluster.make(nodes=nodes or 1, oci_runtime=oci_runtime, runtime_endpoint=runtime_endpoint)
        say(f"cluster {cluster.name}: new, state in {cluster.state}")
        return settings
    settings = cluster.settings()
    machine.check(oci_runtime=settings.oci_runtime, private=not settings.runtime_endpoint)
    for what, wanted, there in (
        ("OCI runtime", oci_runtime, settings.oci_runtime),
        ("runtime endpoint", runtime_endpoint, settings.runtime_endpoint),
    ):
        if wanted and wanted != there:
            raise ClusterError(
                f"cluster {cluster.name} was made with {there or 'none'} as its {what}: to change that, remove it with"
                f" `podbay destroy{cluster.flag}` and make it anew"
            )
    if nodes is None or nodes == settings.nodes:
        return settings
    if nodes < settings.nodes:
        raise ClusterError(
            f"cluster {cluster.name} has {settings.nodes} nodes, and none is taken away: to have fewer, remove it with"
            f" `podbay destroy{cluster.flag}` and make it anew"
        )
    if settings.runtime_endpoint:
        raise ClusterError(
            "a cluster on a given runtime has one node: its other nodes would need runtimes of their own"
        )
    say(f"cluster {cluster.name}: {nodes} nodes instead of {settings.nodes}; the server starts again, pods run on")
    settings = replace(settings, nodes=nodes)
    cluster.write(settings)
    processes.stop(cluster.server_pid)  # it must listen on the bridge that joins the nodes, and make certificates
    return settings


def _check_endpoint(cluster: Cluster, endpoint: str, nodes: int | None) -> None:
    import asyncio

    from podbay.lib.clock import RealClock
    from podbay.standalone.runtime import is_unused

    if nodes is not None and nodes > 1:
        raise ClusterError("--nodes and --runtime-endpoint exclude each other: every node needs a runtime of its own")
    if not endpoint.startswith("unix:///"):
        raise ClusterError(
            f"--runtime-endpoint {endpoint}: it must be a socket, as in unix:///run/containerd/containerd.sock"
        )
    for name, its in given_runtimes().items():
        if its == endpoint and name != cluster.name:
            raise ClusterError(
                f"cluster {name} runs its pods on {endpoint}, and either kubelet would remove the other's: remove it"
                f" with `podbay destroy{Cluster(name).flag}`, or give podbay another runtime"
            )
    if not asyncio.run(is_unused(endpoint, RealClock())):
        raise ClusterError(
            f"the runtime at {endpoint} runs pods of somebody else, which a kubelet would remove: give podbay one that"
            " has none, or leave --runtime-endpoint out for a containerd of its own"
        )


def _start_server(cluster: Cluster, settings: Settings, say: Say) -> bool:
    """Start containerd and the server, unless they run; return whether the server was started."""
    if processes.running(cluster.server_pid) is not None:
        return False
    for port, whose in ((settings.port, "API server"), (settings.kubelet_port, "kubelet")):
        if not allocation.port_is_free("0.0.0.0", port):
            user = allocation.port_user(port)
            raise ClusterError(
                f"port {port}, the cluster's {whose}'s, is taken{f' by {user}' if user else ''}: stop what uses it"
                f" (ss -ltnp 'sport = :{port}'), or make the cluster anew on other ports"
                f" (podbay destroy{cluster.flag}; podbay up{cluster.flag})"
            )
    say(f"starting the server on port {settings.port}")
    cluster.run.mkdir(parents=True, exist_ok=True)
    place = cluster.node(1)
    mounts.ensure(cluster)
    if not settings.runtime_endpoint:
        # It comes up while the server's interpreter loads.
        containerd.configure(place, settings, server=server_url(settings))
        containerd.launch(place)
    command = mounts.entered(cluster, [sys.executable, "-m", "podbay", "server", "--name", cluster.name])
    processes.start(command, log=place.agent_log, pid_file=place.agent_pid, cgroup=cluster.own_cgroup)
    return True


def _start_agent(cluster: Cluster, settings: Settings, index: int, say: Say) -> bool:
    """Start a node's agent in its network namespace, unless it runs; return whether it was started."""
    place = cluster.node(index)
    if processes.running(place.agent_pid) is not None:
        return False
    say(f"starting node {place.name}")
    network.ensure_node_namespace(place, settings.node_cidr)
    agent = [sys.executable, "-m", "podbay", "agent", "--name", cluster.name, "--index", str(index)]
    command = ["nsenter", f"--net=/run/netns/{place.netns}", "--", *mounts.entered(cluster, agent)]
    processes.start(command, log=place.agent_log, pid_file=place.agent_pid, cgroup=cluster.own_cgroup)
    return True


def _lacking(admin: Admin, name: str, since: str) -> str:
    """Return what a node lacks to be ready; what it said before ``since``, in an earlier life, does not count."""
    try:
        lease = admin.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
        if (lease["spec"].get("renewTime") or "") < since:
            return "it has not reported yet"
        node = admin.get(f"/api/v1/nodes/{name}")
    except (ClusterError, OSError):
        return "it has not registered yet"
    for condition in node["status"].get("conditions") or ():
        if condition["type"] == "Ready":
            return "" if condition["status"] == "True" else str(condition.get("message") or "it is not ready")
    return "it has not reported yet"


def _wait(lacks: Callable[[], str], what: str, cluster: Cluster, index: int, say: Say) -> None:
    """Wait until nothing lacks any more, telling what does. Raises ClusterError if it ended or takes too long."""
    place = cluster.node(index)
    began, told = time.monotonic(), ""
    while problem := lacks():
        if processes.running(place.agent_pid) is None:
            words = processes.last_words(place.agent_log).removeprefix("error: ")
            raise ClusterError(f"{what} ended while it was starting: {words}\nsee {place.agent_log}")
        waited = time.monotonic() - began
        if waited > _PATIENCE_S:
            raise ClusterError(f"{what} is not ready after {_PATIENCE_S:.0f} s: {problem}\nsee {place.agent_log}")
        if waited > _SILENCE_S and problem != told:
            say(f"waiting for {what}: {problem}")
            told = problem
        time.sleep(0.01)
