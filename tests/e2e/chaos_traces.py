"""What there is of a cluster's pods on this machine, as the kernel and the runtimes tell it.

Takes a cluster's places; gives what runs, and how many traces there are of sandboxes and of pods on each node. Nothing
here asks the API server or a kubelet.
"""

import asyncio
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.kubelet import cgroups
from podbay.lib.clock import RealClock
from podbay.standalone.cluster import Cluster, NodePlace
from tests.e2e.chaos_pods import MARK

_PREFIX: Final = f"{MARK}=".encode()


def running(cluster: Cluster) -> Counter[str]:
    """Return who runs: the identities of its containers, and how many there are of each."""
    found: Counter[str] = Counter()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "environ").read_bytes().split(b"\0")
            mine = [word for word in words if word.startswith(_PREFIX)]
            if not mine or not _is_first(process) or f"{cluster.cgroup}/" not in (process / "cgroup").read_text():
                continue
        except OSError:
            continue  # it ended just now
        found[mine[0].removeprefix(_PREFIX).decode()] += 1
    return found


def _is_first(process: Path) -> bool:
    """Tell whether a process is the first one of its container. runc's own are there before it, without its program."""
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    return status["NSpid"].split()[-1] == "1" and status["State"][0] != "Z"


@dataclass(slots=True)
class NodeTraces:
    """What there is on one node: of sandboxes (all as many as there are), of pods (by uid), of what lives (by id)."""

    sandboxes: list[Sandbox]
    containers: list[Container]
    of_sandboxes: dict[str, int]
    of_pods: dict[str, set[str]] = field(default_factory=dict)
    of_live: dict[str, set[str]] = field(default_factory=dict)

    @property
    def ready(self) -> list[Sandbox]:
        """Return the sandboxes that run."""
        return [sandbox for sandbox in self.sandboxes if sandbox.ready]

    @property
    def live(self) -> list[Container]:
        """Return the containers that run, as their runtime says."""
        return [c for c in self.containers if c.state in (ContainerState.RUNNING, ContainerState.UNKNOWN)]


def traces(place: NodePlace) -> NodeTraces:
    """Return what there is on a node."""
    sandboxes, containers = asyncio.run(_told(place))
    state = place.run / "containerd"
    within = ["ip", "-n", place.netns] if place.netns else ["ip"]
    links = subprocess.run([*within, "-o", "link", "show", "master", place.bridge], capture_output=True, text=True)
    pods = place.state / "kubelet" / "pods"
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return NodeTraces(
        sandboxes,
        containers,
        of_sandboxes={
            "network namespaces": _count(state / "io.containerd.grpc.v1.cri" / "netns"),
            "links": len(links.stdout.splitlines()),
            "addresses": len([a for a in (place.run / "addresses").glob("*/*") if a.name[0].isdigit()]),
            "shims": _shims(place),
        },
        of_pods={
            "directories": {entry.name for entry in pods.iterdir()} if pods.is_dir() else set(),
            "cgroups": cgroups.pods_under(place.cgroup),
            "logs": {entry.name.rpartition("_")[2] for entry in (place.log / "pods").iterdir()},
            "mounts": {point.removeprefix(f"{pods}/").partition("/")[0] for point in mounts if f"{pods}/" in point},
        },
        of_live={
            "cgroups": {
                name for pod in cgroups.children(place.cgroup) for name in cgroups.children(f"{place.cgroup}/{pod}")
            },
            "mounts": {Path(p).parent.name for p in mounts if p.startswith(f"{state}/") and "/netns/" not in p},
            "containers of the OCI runtime": _names(place.run / "oci" / "k8s.io"),
        },
    )


async def _told(place: NodePlace) -> tuple[list[Sandbox], list[Container]]:
    runtime = CriRuntime(str(place.socket), RealClock())
    try:
        return await runtime.sandboxes(), await runtime.containers()
    finally:
        await runtime.close()


def _names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()


def _count(directory: Path) -> int:
    return len(_names(directory))


def _shims(place: NodePlace) -> int:
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            continue
        found += "containerd-shim" in words[0] and str(place.socket) in words
    return found
