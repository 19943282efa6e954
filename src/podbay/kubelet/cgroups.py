"""The cgroups of pods: made with what a pod may have, found, and removed in every hierarchy.

Takes cgroup paths such as ``/podbay/NAME/pod<uid>``. Works on version 1, hybrid and version 2. The runtime makes the
containers' cgroups in them; but how pods share the machine is decided here, where they are neighbours.
Source: https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html ; https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from podbay.cri.runtime import LinuxResources

MOUNT: Final = Path("/sys/fs/cgroup")
_CONTROLLERS: Final = "+cpu +memory +pids"
_HUGE_PAGES: Final = "hugetlb"  # which not every kernel has
_SHARES: Final = (2, 262_144)
_WEIGHTS: Final = (1, 10_000)


def hierarchies(mount: Path = MOUNT) -> list[Path]:
    """Return the mount point of every hierarchy."""
    if is_unified(mount):
        return [mount]
    if not mount.is_dir():
        return []
    return sorted({entry.resolve() for entry in mount.iterdir() if entry.is_dir()})


def prepare(path: str, resources: LinuxResources, mount: Path = MOUNT, *, most_processes: int = 0) -> None:
    """Make a cgroup with what the processes in it may have together. 0 is no limit. Raises OSError.

    Processes and threads are counted alike; a fork over ``most_processes`` fails.
    """
    count = str(most_processes or "max")
    if is_unified(mount):
        _make_unified(mount, path, resources, count)
        return
    quota = resources.cpu_quota_us or -1
    wanted: dict[str, int | str | None] = {"pids.max": count, "cpu.shares": resources.cpu_shares}
    wanted |= {"cpu.cfs_period_us": resources.cpu_period_us or None}
    wanted |= {"cpu.cfs_quota_us": quota, "memory.limit_in_bytes": resources.memory_limit_bytes or -1}
    wanted |= {f"hugetlb.{size}.limit_in_bytes": most for size, most in resources.huge_pages}
    for root in hierarchies(mount):
        own = {name: value for name, value in wanted.items() if value is not None and _is_of(root, name)}
        if own:
            directory = root / path.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
            for name, value in own.items():
                (directory / name).write_text(str(value))


def pods_under(parent: str) -> set[str]:
    """Return the uids of pods that have a cgroup under a parent, in any hierarchy."""
    return {name[3:] for name in children(parent) if name.startswith("pod")}


def join(path: str, pid: int) -> None:
    """Put a process into a cgroup, made if it is not there, in every hierarchy that lets it."""
    for root in hierarchies():
        if not (root / "cgroup.procs").exists():
            continue  # nothing is mounted there: a mount namespace may hide a hierarchy
        # Version 1's cpuset takes nobody before it was given processors; its limits are not needed here.
        with contextlib.suppress(OSError):
            directory = root / path.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "cgroup.procs").write_text(str(pid))


def processes(path: str) -> set[int]:
    """Return the processes in a cgroup and below it, in any hierarchy."""
    found: set[int] = set()
    for root in hierarchies():
        for directory, _, _ in os.walk(root / path.lstrip("/")):
            with contextlib.suppress(OSError):
                found |= {int(line) for line in Path(directory, "cgroup.procs").read_text().split()}
    return found - {0}  # 0 is a process of another pid namespace


def children(path: str) -> set[str]:
    """Return the names of the cgroups right below one, in any hierarchy."""
    found: set[str] = set()
    for root in hierarchies():
        with contextlib.suppress(OSError):
            found |= {entry.name for entry in (root / path.lstrip("/")).iterdir() if entry.is_dir()}
    return found


def remove(path: str) -> None:
    """Remove a cgroup and all below it, wherever it is empty."""
    for root in hierarchies():
        top = root / path.lstrip("/")
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def cpu_weight(shares: int) -> int:
    """Return version 2's weight for version 1's shares, from range to range."""
    (least, most), (lightest, heaviest) = _SHARES, _WEIGHTS
    return lightest + (min(most, max(least, shares)) - least) * (heaviest - lightest) // (most - least)


def is_unified(mount: Path) -> bool:
    """Tell whether there is version 2 alone."""
    return (mount / "cgroup.controllers").exists()


def _is_of(root: Path, name: str) -> bool:
    if name == "pids.max":  # no file of the root's, which cannot be limited
        return "pids" in root.name.split(",")
    return (root / name).exists()


def _make_unified(mount: Path, path: str, resources: LinuxResources, count: str) -> None:
    directory = mount
    has_pages = _HUGE_PAGES in (mount / "cgroup.controllers").read_text().split()
    controllers = f"{_CONTROLLERS} +{_HUGE_PAGES}" if has_pages else _CONTROLLERS
    for part in path.strip("/").split("/"):
        (directory / "cgroup.subtree_control").write_text(controllers)
        directory /= part
        directory.mkdir(exist_ok=True)
    quota = str(resources.cpu_quota_us) if resources.cpu_quota_us else "max"
    (directory / "cpu.weight").write_text(str(cpu_weight(resources.cpu_shares)))
    (directory / "cpu.max").write_text(f"{quota} {resources.cpu_period_us or 100_000}")
    (directory / "memory.max").write_text(str(resources.memory_limit_bytes or "max"))
    (directory / "pids.max").write_text(count)
    for size, most in resources.huge_pages if has_pages else ():
        (directory / f"hugetlb.{size}.max").write_text(str(most))
