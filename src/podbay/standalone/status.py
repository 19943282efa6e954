"""``podbay status``: how a cluster is, and where to look.

Takes a cluster; gives lines of two columns and an exit code: 0 if it is up and every node is ready, else 1.
"""

from collections.abc import Callable

from podbay.standalone import processes
from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from podbay.standalone.settings import Settings

Rows = list[tuple[str, str]]


def status(cluster: Cluster, *, say: Callable[[str], None]) -> int:
    """Tell how a cluster is; return 0 if it is up and ready. Raises ClusterError if there is none."""
    settings = cluster.settings()
    rows, is_ready = _control_plane(cluster, settings)
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        if index > 1:
            rows.append((f"agent {place.name}", _process(processes.running(place.agent_pid), str(place.agent_log))))
            is_ready = is_ready and processes.running(place.agent_pid) is not None
        if settings.runtime_endpoint:
            rows.append(("runtime", _given(settings.runtime_endpoint)))
        else:
            pid = processes.running(place.containerd_pid)
            rows.append((f"containerd {place.name}", _process(pid, str(place.containerd_log))))
    rows += [
        ("state", str(cluster.state)),
        ("logs", str(cluster.log)),
        ("kubeconfig", f"{cluster.kubeconfig}, context {cluster.context}"),
    ]
    width = max(len(what) for what, _ in rows)
    for what, told in rows:
        say(f"{what.ljust(width)}  {told}")
    return 0 if is_ready else 1


def _control_plane(cluster: Cluster, settings: Settings) -> tuple[Rows, bool]:
    """Return what there is to tell of server, nodes and pods, and whether all of it is ready."""
    pid = processes.running(cluster.server_pid)
    log = str(cluster.node(1).agent_log)
    endpoint = ("endpoint", f"https://127.0.0.1:{settings.port}")
    if pid is None:
        return [("cluster", f"{cluster.name}, down: `podbay up{cluster.flag}` starts it"), endpoint,
                ("server", _process(None, log))], False  # fmt: skip
    admin = Admin(cluster)
    try:
        if not admin.is_ready():
            return [("cluster", f"{cluster.name}, not ready"), endpoint, ("server", _process(pid, log))], False
        version = admin.get("/version")["gitVersion"]
        nodes = admin.get("/api/v1/nodes")["items"]
        pods = admin.get("/api/v1/pods")["items"]
    except (ClusterError, OSError) as error:
        return [("cluster", f"{cluster.name}, not ready: {error}"), endpoint, ("server", _process(pid, log))], False
    finally:
        admin.close()
    rows, is_ready = [], len(nodes) >= settings.nodes
    for node in nodes:
        told = {c["type"]: c for c in node["status"].get("conditions") or ()}.get("Ready") or {}
        good = told.get("status") == "True"
        is_ready = is_ready and good
        info = node["status"].get("nodeInfo") or {}
        address = next((a["address"] for a in node["status"].get("addresses") or () if a["type"] == "InternalIP"), "")
        reason = "Ready" if good else f"NotReady ({told.get('message') or 'it has not reported yet'})"
        rows.append((f"node {node['metadata']['name']}", f"{reason}, {address}, {info.get('containerRuntimeVersion')}"))
    running = sum(pod["status"].get("phase") == "Running" for pod in pods)
    head = [
        ("cluster", f"{cluster.name}, {'up' if is_ready else 'not ready'}"),
        endpoint,
        ("version", f"Kubernetes {version}"),
        ("server", _process(pid, log)),
    ]
    return [*head, *rows, ("pods", f"{running} running of {len(pods)}")], is_ready


def _given(endpoint: str) -> str:
    """Return where a runtime is that is not ours, or what is the matter with it."""
    from podbay.standalone.runtime import look

    try:
        return look(endpoint)
    except ClusterError as error:
        return str(error)


def _process(pid: int | None, log: str) -> str:
    return f"{f'pid {pid}' if pid else 'not running'}, log {log}"
