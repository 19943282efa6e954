"""The configuration of a cluster's kubelets, which ``up --kubelet-config`` gives and the cluster keeps.

Takes a file of the user's; keeps its text in the cluster's state, and gives it to each node that starts.
Invariant: only what was understood is kept; kubelets that ran with another text are stopped, for ``up`` to start.
"""

from pathlib import Path
from typing import Any

from podbay.kubelet.configuration_file import parse_kubelet_configuration
from podbay.standalone import processes
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError


def read(path: Path) -> str:
    """Return the text of a file that can be followed. Raises ClusterError."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"--kubelet-config: {error}") from None
    _parsed(path, text)
    return text


def configure(cluster: Cluster, text: str) -> bool:
    """Keep a text, and stop kubelets that ran with another one; return whether there were any."""
    path = cluster.kubelet_file
    if path.exists() and path.read_text() == text:
        return False
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    running = [pid for pid in (place.agent_pid for place in cluster.places()) if processes.running(pid) is not None]
    for pid in running:
        processes.stop(pid)
    partial.replace(path)  # last: whoever finds the text kept may trust that no kubelet runs with another
    return bool(running)


def configured(cluster: Cluster) -> dict[str, Any]:
    """Return what a cluster's kubelets were given. Raises ClusterError."""
    try:
        text = cluster.kubelet_file.read_text()
    except FileNotFoundError:
        return {}
    return _parsed(cluster.kubelet_file, text)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return parse_kubelet_configuration(text)
    except ValueError as error:
        raise ClusterError(f"{path}: {error}") from None
