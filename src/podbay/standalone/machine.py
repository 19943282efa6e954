"""What a machine must have so that pods can run, and what to do about what it lacks.

Takes a look at the machine; gives needs, each met or not, with a remedy. ``up`` refuses the first that is not met,
``doctor`` tells them all.
"""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podbay.standalone.cluster import STATE_ROOT
from podbay.standalone.errors import ClusterError

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CNI_DIRECTORIES: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
_CNI_PLUGINS: Final = ("bridge", "host-local", "portmap", "loopback")
_OCI_RUNTIMES: Final = ("runc", "crun")  # the first that is there serves
_CONTROLLERS: Final = ("cpu", "memory", "pids", "devices", "freezer")  # version 1's, which runc asks for
_OLDEST_KERNEL: Final = (5, 3)  # pidfd_open(2)
_ROOM_BYTES: Final = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is needed: how to look for it. ``look`` returns what is there, or raises ClusterError."""

    what: str
    look: Callable[[], str]


def needs(*, oci_runtime: str = "", private: bool = True) -> Iterator[Need]:
    """Yield what is needed; ``private`` is a containerd of our own, not one that is there already."""
    yield Need("root", root)
    yield Need("kernel", kernel)
    yield Need("cgroups", cgroup_layout)
    if private:
        yield Need("containerd", lambda: binary("containerd", "containerd"))
        yield Need("ctr", lambda: binary("ctr", "containerd"))
        yield Need("OCI runtime", lambda: oci_runtime_path(oci_runtime))
        yield Need("CNI plugins", lambda: str(cni_directory()))
        yield Need("catatonit", catatonit)
    yield Need("ip", lambda: binary("ip", "iproute2"))
    yield Need("nft", lambda: binary("nft", "nftables"))
    yield Need("iptables", lambda: binary("iptables", "iptables"))
    yield Need("nsenter", lambda: binary("nsenter", "util-linux"))
    yield Need("disk", lambda: room(STATE_ROOT))


def check(*, oci_runtime: str = "", private: bool = True) -> None:
    """Refuse a machine that cannot run pods, saying what to do. Raises ClusterError."""
    for need in needs(oci_runtime=oci_runtime, private=private):
        need.look()


def root() -> str:
    """Return who we are. Raises ClusterError for anybody but root."""
    if os.geteuid() != 0:
        raise ClusterError("podbay needs root for this, because containers do: run it with sudo")
    return "yes"


def kernel(release: str = "") -> str:
    """Return the kernel's release. Raises ClusterError for one that is too old."""
    release = release or platform.release()
    try:
        version = tuple(int(part) for part in release.split("-")[0].split(".")[:2])
    except ValueError:
        return release  # nobody numbers a kernel like this: what it lacks will tell itself
    if version < _OLDEST_KERNEL:
        oldest = ".".join(str(part) for part in _OLDEST_KERNEL)
        raise ClusterError(f"the kernel {release} is too old: podbay needs Linux {oldest} or newer")
    return release


def cgroup_layout(mount: Path = Path("/sys/fs/cgroup"), mounted: Path = Path("/proc/self/mountinfo")) -> str:
    """Return how cgroups are mounted. Raises ClusterError if a pod could not be limited."""
    if (mount / "cgroup.controllers").exists():
        there = (mount / "cgroup.controllers").read_text().split()
        lacking = [name for name in ("cpu", "memory", "pids") if name not in there]
        if lacking:
            raise ClusterError(
                f"cgroup version 2 lacks the controller {lacking[0]}: start the kernel with cgroup_enable={lacking[0]},"
                " or in a container let the host delegate it"
            )
        return "version 2"
    options = [line.rpartition(" ")[2].split(",") for line in mounted.read_text().splitlines() if " - cgroup " in line]
    there = [option for found in options for option in found]
    lacking = [name for name in _CONTROLLERS if name not in there]
    if len(lacking) == len(_CONTROLLERS):
        raise ClusterError(f"no cgroups are mounted on {mount}: mount -t cgroup2 none {mount}")
    if lacking:
        raise ClusterError(
            f"cgroup version 1 lacks the controller {lacking[0]}: mkdir {mount}/{lacking[0]} &&"
            f" mount -t cgroup -o {lacking[0]} none {mount}/{lacking[0]}"
        )
    return "version 1 beside version 2 (hybrid)" if (mount / "unified").exists() else "version 1"


def binary(name: str, package: str) -> str:
    """Return a command's path. Raises ClusterError that names the package to install."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise ClusterError(f"{name} is not installed: install the package {package}")
    return found


def oci_runtime_path(name: str = "") -> str:
    """Return the path of runc or crun, or of the one that is named. Raises ClusterError."""
    if name:
        return binary(name, name)
    for candidate in _OCI_RUNTIMES:
        found = shutil.which(candidate, path=_PATH)
        if found:
            return found
    raise ClusterError("neither runc nor crun is installed: install the package runc")


def oci_runtimes() -> dict[str, str]:
    """Return the path of each OCI runtime that is installed."""
    found = {name: shutil.which(name, path=_PATH) for name in _OCI_RUNTIMES}
    return {name: path for name, path in found.items() if path}


def cni_directory(directories: tuple[Path, ...] = _CNI_DIRECTORIES) -> Path:
    """Return where the CNI plugins are. Raises ClusterError."""
    lacking = ""
    for directory in directories:
        missing = [plugin for plugin in _CNI_PLUGINS if not (directory / plugin).exists()]
        if not missing:
            return directory
        if len(missing) < len(_CNI_PLUGINS):
            lacking = f"{directory} lacks the CNI plugin {missing[0]}"
    raise ClusterError(f"{lacking or 'no CNI plugins found'}: install the package containernetworking-plugins")


def catatonit() -> str:
    """Return the path of the sandboxes' process. Raises ClusterError."""
    found = shutil.which("catatonit", path=f"{_PATH}:/usr/libexec/podman")
    if found is None:
        raise ClusterError("catatonit is not installed: install the package catatonit")
    return found


def room(directory: Path, *, wanted_bytes: int = _ROOM_BYTES) -> str:
    """Return how much room the disk has. Raises ClusterError if it is too little to begin."""
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < wanted_bytes:
        raise ClusterError(
            f"the disk of {directory} has {free // 1_000_000} MB left, and a cluster needs"
            f" {wanted_bytes // 1_000_000} MB: make room, or set PODBAY_STATE to a directory on another disk"
        )
    return f"{free / 1e9:.1f} GB free on {directory}"


def has_capability(number: int, status: Path = Path("/proc/self/status")) -> bool:
    """Tell whether this process holds a capability."""
    for line in status.read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
