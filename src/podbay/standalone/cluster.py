"""One cluster on this machine: its name, where its files are, and what was decided when it was made.

Takes a name; gives paths and settings. Everything of a cluster carries its name, hashed where the kernel limits it.
Invariant: ``state`` outlives a reboot, ``run`` does not need to; settings are written once and then only read.
"""

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

STATE_ROOT: Final = Path(os.environ.get("PODBAY_STATE", "/var/lib/podbay"))
RUN_ROOT: Final = Path(os.environ.get("PODBAY_RUN", "/run/podbay"))
LOG_ROOT: Final = Path(os.environ.get("PODBAY_LOG", "/var/log/podbay"))
DEFAULT: Final = "default"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
_PORTS: Final = range(6443, 6543)
_KUBELET_PORTS: Final = range(10250, 10350)


class ClusterError(Exception):
    """Something a user can put right; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was decided when a cluster was made."""

    port: int
    kubelet_port: int
    cluster_cidr: str
    node_cidr: str
    nodes: int = 1


class Cluster:
    """See the module."""

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ClusterError(f"{name!r} is no name for a cluster: use lower-case letters, digits and '-'")
        self.name = name
        self.hash = hashlib.sha256(name.encode()).hexdigest()[:8]
        self.state = STATE_ROOT / name
        self.run = RUN_ROOT / name
        self.log = LOG_ROOT / name

    @property
    def context(self) -> str:
        """Return the name of its kubeconfig context."""
        return "podbay" if self.name == DEFAULT else f"podbay-{self.name}"

    @property
    def store(self) -> Path:
        """Return the store's file."""
        return self.state / "store.db"

    @property
    def tokens(self) -> Path:
        """Return the file of bearer tokens, in upstream's format; there need not be one."""
        return self.state / "tokens.csv"

    @property
    def pki(self) -> Path:
        """Return the directory of keys and certificates."""
        return self.state / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Return the path of its own kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def registry(self) -> Path:
        """Return the directory of the image registry."""
        return self.state / "registry"

    @property
    def cgroup(self) -> str:
        """Return the cluster's cgroup."""
        return f"/podbay-{self.name}"

    @property
    def server_pid(self) -> Path:
        """Return the file that names the server's process."""
        return self.run / "server.pid"

    def bridge(self, index: int) -> str:
        """Return the name of a node's pod bridge."""
        return f"pb{self.hash}{index}"

    @property
    def node_bridge(self) -> str:
        """Return the name of the bridge that joins nodes."""
        return f"pn{self.hash}"

    @property
    def table(self) -> str:
        """Return the name of its nftables table."""
        return f"podbay-{self.hash}"

    def node(self, index: int) -> "NodePlace":
        """Return where a node of this cluster lives; index 1 is the first."""
        return NodePlace(self, index)

    def exists(self) -> bool:
        """Tell whether the cluster was made."""
        return (self.state / "cluster.json").exists()

    def settings(self) -> Settings:
        """Return the settings. Raises ClusterError if there is no such cluster."""
        try:
            return Settings(**json.loads((self.state / "cluster.json").read_text()))
        except FileNotFoundError:
            raise ClusterError(
                f"there is no cluster {self.name!r}: make it with `podbay up --name {self.name}`"
            ) from None

    def make(self, *, nodes: int) -> Settings:
        """Decide and write the settings of a new cluster."""
        for directory in (self.state, self.run, self.log):
            directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        taken = [settings for settings in others(self.name)]
        settings = Settings(
            port=_free_port(_PORTS, {s.port for s in taken}),
            kubelet_port=_free_port(_KUBELET_PORTS, {s.kubelet_port for s in taken}),
            cluster_cidr=_free_range(244, {s.cluster_cidr for s in taken}),
            node_cidr=_free_range(200, {s.node_cidr for s in taken}, prefix=24),
            nodes=nodes,
        )
        self.write(settings)
        return settings

    def write(self, settings: Settings) -> None:
        """Write the settings, whole or not at all."""
        partial = self.state / "cluster.json.partial"
        partial.write_text(json.dumps(asdict(settings), indent=2) + "\n")
        partial.replace(self.state / "cluster.json")


class NodePlace:
    """Where one node of a cluster lives: names and directories."""

    def __init__(self, cluster: Cluster, index: int) -> None:
        self.cluster = cluster
        self.index = index

    @property
    def name(self) -> str:
        """Return the node's name: the host's for the first, with a number for the others."""
        host = re.sub(r"[^a-z0-9.-]", "-", socket.gethostname().lower()).strip("-.") or "node"
        base = host if self.cluster.name == DEFAULT else f"{host}-{self.cluster.name}"
        return base if self.index == 1 else f"{base}-{self.index}"

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


def others(name: str) -> list[Settings]:
    """Return the settings of every other cluster on the machine."""
    if not STATE_ROOT.is_dir():
        return []
    found = []
    for entry in STATE_ROOT.iterdir():
        if entry.name != name:
            with contextlib.suppress(ClusterError):  # half made, or being destroyed
                found.append(Cluster(entry.name).settings())
    return found


def _free_port(ports: range, taken: set[int]) -> int:
    for port in ports:
        if port in taken:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise ClusterError(f"no port is free between {ports.start} and {ports.stop - 1}: stop what uses them")


def _free_range(second: int, taken: set[str], prefix: int = 16) -> str:
    """Return a range of 10/8 that no route of the host and no other cluster overlaps."""
    routes = subprocess.run(["ip", "-o", "route"], capture_output=True, text=True, check=False).stdout.split()
    used = [ipaddress.ip_network(text) for text in taken]
    for word in routes:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            continue
        if network.prefixlen > 0:
            used.append(network)
    for step in range(200):
        candidate = ipaddress.ip_network(f"10.{(second + step) % 256}.0.0/{prefix}")
        if not any(candidate.overlaps(other) for other in used if other.version == 4):
            return str(candidate)
    raise ClusterError("no range of 10.0.0.0/8 is free for pods: remove a route")
