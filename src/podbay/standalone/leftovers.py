"""Removes what a killed containerd left behind: shims, tasks, network namespaces, addresses, cgroups of no sandbox.

Takes one containerd's directories and what lives of what CRI lists; acts on processes, mounts and files. A containerd
that is killed while it makes a sandbox forgets it, and no later start of it cleans that up. Its children may go on for
a moment: what they leave late is for the next sweep.
Invariant: only what is older than the running containerd is touched, or what it cannot be making now (a shim has a
bundle before it starts, and whoever asks for a sandbox has only so much patience); and only what lies under this
containerd's own directories, or names its socket.
Source: https://github.com/containerd/containerd/blob/main/runtime/v2/README.md ; the host-local CNI plugin.
"""

import contextlib
import fcntl
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.kubelet import cgroups

_log = logging.getLogger(__name__)

_RUNC_ROOT: Final = Path("/run/containerd/runc/k8s.io")
_ID: Final = re.compile(r"[0-9a-f]{64}")
_CNI_CACHE: Final = Path("/var/lib/cni/results")
_START_S: Final = 0.03  # less than containerd needs before it can make anything
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerdPlace:
    """One containerd: its state directory, its socket, where host-local keeps addresses, its pid, runc or crun.

    ``oci_root`` is where runc or crun keeps its state, ``cgroup`` the parent of the cgroups of pods.
    ``patience_s`` is how long the making of a sandbox takes at most.
    """

    state: Path
    socket: Path
    addresses: Path
    pid: int
    oci_runtime: str
    oci_root: Path = _RUNC_ROOT
    cgroup: str
    patience_s: float


def living(sandboxes: Iterable[Sandbox], containers: Iterable[Container]) -> frozenset[str]:
    """Return the ids of what CRI lists that may have something of the machine.

    What has ended has nothing: a containerd that was killed while it made or stopped a sandbox lists it as not ready,
    and never looks at its shim, tasks and address again. Containers live in the shim of their sandbox.
    """
    alive = [container for container in containers if container.state is not ContainerState.EXITED]
    return frozenset(
        {sandbox.id for sandbox in sandboxes if sandbox.ready}
        | {container.id for container in alive}
        | {container.sandbox_id for container in alive}
    )


def sweep_leftovers(place: ContainerdPlace, known: frozenset[str]) -> list[str]:
    """Remove everything of unknown ids; ``known`` are those of the living sandboxes and containers.

    Returns what was removed. Blocking. Raises OSError only if containerd has gone meanwhile.
    """
    since = max(_started_s(place.pid), time.time() - place.patience_s)
    removed = [f"shim {pid}" for pid in _sweep_shims(place, known, since)]
    removed += [f"task {key}" for key in _sweep_tasks(place, known, since)]
    removed += [f"network namespace {name}" for name in _sweep_network_namespaces(place, since)]
    removed += [f"address {name}" for name in _sweep_addresses(place, known, since)]
    removed += [f"cgroup {name}" for name in _sweep_cgroups(place, known, since)]
    for what in removed:
        _log.info("removed what a killed containerd left behind: %s", what)
    return removed


def _sweep_tasks(place: ContainerdPlace, known: frozenset[str], since: float) -> Iterator[str]:
    """End and remove tasks that containerd does not know any more."""
    for bundle in _entries(_tasks(place)):
        # A name with a dot is a bundle that containerd was taking away, which its children kept it from.
        is_torn = bundle.name.startswith(".")
        if bundle.name in known or not (is_torn or _is_older(bundle, since)):
            continue
        command = [place.oci_runtime, "--root", str(place.oci_root), "delete", "--force", bundle.name]
        subprocess.run(command, capture_output=True, check=False)
        subprocess.run(["umount", "-l", str(bundle / "rootfs")], capture_output=True, check=False)
        shutil.rmtree(bundle, ignore_errors=True)
        yield bundle.name


def _sweep_shims(place: ContainerdPlace, known: frozenset[str], since: float) -> Iterator[int]:
    """End shims of this containerd's socket that serve no known sandbox."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            words = [word.decode(errors="replace") for word in (process / "cmdline").read_bytes().split(b"\0")]
            if "containerd-shim" not in words[0] or str(place.socket) not in words or "-id" not in words:
                continue
            pid, owner = int(process.name), words[words.index("-id") + 1]
            if owner not in known and (_started_s(pid) < since or not (_tasks(place) / owner).exists()):
                os.kill(pid, signal.SIGKILL)
                yield pid


def _sweep_network_namespaces(place: ContainerdPlace, since: float) -> Iterator[str]:
    """Remove network namespaces that no task is in."""
    used = set()
    for bundle in _entries(_tasks(place)):
        with contextlib.suppress(OSError, ValueError):
            namespaces = json.loads((bundle / "config.json").read_bytes())["linux"]["namespaces"]
            used |= {namespace.get("path", "") for namespace in namespaces}
    for mark in _entries(place.state / "io.containerd.grpc.v1.cri" / "netns"):
        if str(mark) not in used and _is_older(mark, since):
            subprocess.run(["umount", "-l", str(mark)], capture_output=True, check=False)
            with contextlib.suppress(OSError):
                mark.unlink()
                yield mark.name


def _sweep_addresses(place: ContainerdPlace, known: frozenset[str], since: float) -> Iterator[str]:
    """Free addresses that were given to sandboxes that are no more."""
    for network in _entries(place.addresses):
        try:
            lock = (network / "lock").open("a")
        except OSError:
            continue
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for address in _entries(network):
                if address.name in ("lock",) or address.name.startswith("last_reserved_ip") or not address.is_file():
                    continue
                owner = address.read_text().split()[:1]
                if owner and owner[0] not in known and _is_older(address, since):
                    address.unlink(missing_ok=True)
                    for cached in _CNI_CACHE.glob(f"{network.name}-{owner[0]}-*"):
                        cached.unlink(missing_ok=True)
                    yield address.name


def _sweep_cgroups(place: ContainerdPlace, known: frozenset[str], since: float) -> Iterator[str]:
    """Remove the cgroups of containers that are no more; those of whole pods are the kubelet's to remove."""
    for pod in cgroups.children(place.cgroup):
        for name in cgroups.children(f"{place.cgroup}/{pod}"):
            path = f"{place.cgroup}/{pod}/{name}"
            there = [root / path.lstrip("/") for root in cgroups.hierarchies()]
            if not _ID.fullmatch(name) or name in known or not all(_is_older(d, since) for d in there if d.exists()):
                continue
            for pid in cgroups.processes(path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            cgroups.remove(path)
            yield path


def _tasks(place: ContainerdPlace) -> Path:
    return place.state / "io.containerd.runtime.v2.task" / "k8s.io"


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _is_older(path: Path, since: float) -> bool:
    """Tell whether a path, or anything right in it, is older: a directory is young again when it was changed."""
    # A bind mount over the file hides its own times, but a namespace file has none that could be later.
    with contextlib.suppress(OSError):
        if path.lstat().st_ctime < since:
            return True
        return path.is_dir() and any(entry.lstat().st_mtime < since for entry in path.iterdir())
    return False


def _started_s(pid: int) -> float:
    """Return when a process started, in seconds since the epoch, and a little later: it does nothing at once."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # Compared with the times of files, so it is the kernel's clock that counts, not an injected one. The time of boot
    # that /proc/stat tells is of whole seconds, in which a containerd can be killed and started again.
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + int(fields[19]) / _TICKS_PER_S + _START_S
