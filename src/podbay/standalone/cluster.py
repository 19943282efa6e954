"""One cluster on this machine: its name, where its files are, and what was decided when it was made.

Takes a name; gives paths and settings. Everything of a cluster carries its name, hashed where the kernel limits it.
Invariant: ``state`` outlives a reboot, ``run`` does not need to; settings are written once and then only read.
"""

import contextlib
import hashlib
import ipaddress
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from podbay.standalone.allocation import free_port, free_range, routed_networks
from podbay.standalone.credentials import Pair
from podbay.standalone.errors import ClusterError
from podbay.standalone.locks import holding
from podbay.standalone.node_place import NodePlace
from podbay.standalone.settings import Settings, parse_settings

__all__ = ["DEFAULT", "Cluster", "ClusterError", "NodePlace", "Settings", "others"]

STATE_ROOT: Final = Path(os.environ.get("PODBAY_STATE", "/var/lib/podbay"))
RUN_ROOT: Final = Path(os.environ.get("PODBAY_RUN", "/run/podbay"))
LOG_ROOT: Final = Path(os.environ.get("PODBAY_LOG", "/var/log/podbay"))
DEFAULT: Final = "default"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
_PORTS: Final = range(6443, 6543)
_KUBELET_PORTS: Final = range(10250, 10350)


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
    def flag(self) -> str:
        """Return what names the cluster on a command line, for hints."""
        return "" if self.name == DEFAULT else f" --name {self.name}"

    @property
    def store(self) -> Path:
        """Return the store's file."""
        return self.state / "store.db"

    @property
    def tokens(self) -> Path:
        """Return the file of bearer tokens, in upstream's format; there need not be one."""
        return self.state / "tokens.csv"

    @property
    def policies(self) -> Path:
        """Return the file of an administrator's policies, in upstream's format; there need not be one."""
        return self.state / "policies.jsonl"

    @property
    def pki(self) -> Path:
        """Return the directory of keys and certificates."""
        return self.state / "pki"

    def pair(self, name: str) -> Pair:
        """Return the files of a certificate of the control plane's."""
        return Pair(self.pki / f"{name}.crt", self.pki / f"{name}.key")

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

    @property
    def own_cgroup(self) -> str:
        """Return the cgroup of the cluster's own processes; the pods' are beside it."""
        return f"{self.cgroup}/system"

    @property
    def mount_namespace(self) -> Path:
        """Return the file that pins the mount namespace, where the cluster needs one of its own."""
        return self.run / "ns" / "mnt"

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

    def node(self, index: int) -> NodePlace:
        """Return where a node of this cluster lives; index 1 is the first."""
        return NodePlace(self, index)

    def places(self) -> list[NodePlace]:
        """Return the places of all nodes that have files here, whatever the settings say, the first at least."""
        indexes = {1}
        for root in (self.state, self.run):
            for entry in root.glob("node-*"):
                with contextlib.suppress(ValueError):
                    indexes.add(int(entry.name.removeprefix("node-")))
        return [NodePlace(self, index) for index in sorted(indexes)]

    def exists(self) -> bool:
        """Tell whether the cluster was made."""
        return (self.state / "cluster.json").exists()

    def settings(self) -> Settings:
        """Return the settings. Raises ClusterError if there is no such cluster, or if its file is broken."""
        path = self.state / "cluster.json"
        try:
            return parse_settings(path.read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise ClusterError(f"there is no cluster {self.name!r}: make it with `podbay up{self.flag}`") from None
        except PermissionError:
            raise ClusterError(f"{path} cannot be read: run podbay with sudo") from None
        except ValueError as error:
            raise ClusterError(
                f"{path} is broken ({error}): restore it, or remove the cluster with `podbay destroy{self.flag}`"
            ) from None

    @property
    def kubelet_file(self) -> Path:
        """Return where the kubelets' configuration is, if they were given one."""
        return self.state / "kubelet.yaml"

    @property
    def audit_file(self) -> Path:
        """Return where it is kept what of requests is written, if anything is."""
        return self.state / "audit.json"

    def make(self, *, nodes: int, oci_runtime: str = "runc", runtime_endpoint: str = "") -> Settings:
        """Decide and write the settings of a new cluster. Raises ClusterError."""
        for directory in (self.state, self.run, self.log):
            directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        with holding(STATE_ROOT):  # two clusters that are made at once must not choose the same
            taken = others(self.name)
            used = routed_networks()
            used += [ipaddress.ip_network(cidr) for s in taken for cidr in (s.cluster_cidr, s.node_cidr)]
            cluster_cidr = free_range(244, used, prefix=16)
            settings = Settings(
                port=free_port(_PORTS, {s.port for s in taken}),
                kubelet_port=free_port(_KUBELET_PORTS, {s.kubelet_port for s in taken}),
                cluster_cidr=cluster_cidr,
                node_cidr=free_range(200, [*used, ipaddress.ip_network(cluster_cidr)], prefix=24),
                nodes=nodes,
                oci_runtime=oci_runtime,
                runtime_endpoint=runtime_endpoint,
            )
            self.write(settings)
        return settings

    def keep_private(self) -> None:
        """Let nobody else into the state: its store holds secrets, and so do the volumes of pods."""
        self.state.chmod(0o700)

    def write(self, settings: Settings) -> None:
        """Write the settings, whole or not at all."""
        partial = self.state / "cluster.json.partial"
        with partial.open("w") as file:
            file.write(settings.text())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.state / "cluster.json")

    def held(self, say: Callable[[str], None]) -> AbstractContextManager[None]:
        """Be the only command that changes this cluster; ``say`` is told if another has to end first."""
        return holding(self.state, lambda: say(f"waiting for another podbay command on cluster {self.name}"))


def others(name: str) -> list[Settings]:
    """Return the settings of every other cluster on the machine that can be read."""
    return [settings for other, settings in _all().items() if other != name]


def given_runtimes() -> dict[str, str]:
    """Return the endpoints of the runtimes that clusters on the machine were given, by the clusters' names."""
    return {name: settings.runtime_endpoint for name, settings in _all().items() if settings.runtime_endpoint}


def _all() -> dict[str, Settings]:
    if not STATE_ROOT.is_dir():
        return {}
    found = {}
    for entry in sorted(STATE_ROOT.iterdir()):
        # A broken one is no reason to refuse another; whoever is not root may read none.
        with contextlib.suppress(ClusterError, PermissionError):
            if (entry / "cluster.json").exists():
                found[entry.name] = Cluster(entry.name).settings()
    return found
