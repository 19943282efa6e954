"""Where one node of a cluster lives: its names, directories, files of processes and certificates.

Takes the cluster and the node's number; gives paths and names.
Invariant: whatever the kernel or the network knows of a node carries its cluster's name or hash.
"""

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from podbay.standalone.credentials import Pair

if TYPE_CHECKING:
    from podbay.standalone.cluster import Cluster

_DEFAULT = "default"


class NodePlace:
    """See the module."""

    def __init__(self, cluster: "Cluster", index: int) -> None:
        self.cluster = cluster
        self.index = index

    @property
    def name(self) -> str:
        """Return the node's name: the host's for the first, with a number for the others."""
        host = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip("-.") or "node"
        base = host if self.cluster.name == _DEFAULT else f"{host}-{self.cluster.name}"
        return base if self.index == 1 else f"{base}-{self.index}"

    @property
    def user(self) -> tuple[str, tuple[str, ...]]:
        """Return as whom, and in which groups, the node comes to the API server."""
        return f"system:node:{self.name}", ("system:nodes",)

    @property
    def state(self) -> Path:
        """Return the node's state directory."""
        return self.cluster.state / f"node-{self.index}"

    @property
    def run(self) -> Path:
        """Return the node's run directory."""
        return self.cluster.run / f"node-{self.index}"

    @property
    def log(self) -> Path:
        """Return the node's log directory."""
        return self.cluster.log / f"node-{self.index}"

    @property
    def socket(self) -> Path:
        """Return containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def containerd_pid(self) -> Path:
        """Return the file that names containerd's process."""
        return self.run / "containerd.pid"

    @property
    def containerd_log(self) -> Path:
        """Return containerd's log."""
        return self.log / "containerd.log"

    @property
    def agent_pid(self) -> Path:
        """Return the file that names the process of the node's agent; the first node's is the server."""
        return self.cluster.server_pid if self.index == 1 else self.run / "agent.pid"

    @property
    def agent_log(self) -> Path:
        """Return the log of the node's agent; the first node's is the server's."""
        return self.cluster.log / "server.log" if self.index == 1 else self.log / "agent.log"

    @property
    def ca(self) -> Path:
        """Return the CA's certificate."""
        return self.cluster.pki / "ca.crt"

    @property
    def identity(self) -> Pair:
        """Return the certificate by which the node proves itself to the API server and the registry."""
        return Pair(self.state / "pki" / "kubelet.crt", self.state / "pki" / "kubelet.key")

    @property
    def serving(self) -> Pair:
        """Return the certificate of the kubelet's server."""
        return Pair(self.state / "pki" / "kubelet-server.crt", self.state / "pki" / "kubelet-server.key")

    @property
    def netns(self) -> str:
        """Return the node's network namespace; empty for the first, which is the host's."""
        return "" if self.index == 1 else f"podbay-{self.cluster.hash}-{self.index}"

    @property
    def bridge(self) -> str:
        """Return the node's pod bridge."""
        return self.cluster.bridge(self.index)

    @property
    def cgroup(self) -> str:
        """Return the parent of the node's pods' cgroups."""
        return f"{self.cluster.cgroup}/node-{self.index}"
