"""What the processes of a cgroup use: the kernel's own accounts, in version 1, hybrid and version 2.

Takes a cgroup's path; gives a ``CgroupUsage``, or None if there is no such cgroup (any more). Blocking, but it only
reads a few small files of the kernel's.
Source: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html ; https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import os
from pathlib import Path
from typing import Final

from podbay.kubelet.cgroups import MOUNT, is_unified
from podbay.kubelet.stats.samples import CgroupUsage

_UNLIMITED: Final = 1 << 62  # version 1 writes "no limit" as a number near 2**63


def usage(path: str, *, at: float, mount: Path = MOUNT) -> CgroupUsage | None:
    """Return what a cgroup uses."""
    try:
        if is_unified(mount):
            return _unified(mount / path.lstrip("/"), at)
        return _separate(mount, path.lstrip("/"), at)
    except (OSError, KeyError, ValueError):
        return None


def process_count(path: str, mount: Path = MOUNT) -> int:
    """Return how many processes and threads are in a cgroup and below it; 0 where nobody counts them."""
    try:
        return int(_text(_directory(mount, "pids", path) / "pids.current"))
    except (OSError, ValueError):
        return 0


def first_process(path: str, mount: Path = MOUNT) -> int | None:
    """Return a process of a cgroup itself, or None."""
    try:
        first = _text(_directory(mount, "memory", path) / "cgroup.procs").partition("\n")[0]
    except OSError:
        return None
    return int(first) if first.isdigit() and first != "0" else None


def _directory(mount: Path, controller: str, path: str) -> Path:
    """Return where a controller has a cgroup."""
    return (mount if is_unified(mount) else mount / controller) / path.lstrip("/")


def _separate(mount: Path, path: str, at: float) -> CgroupUsage:
    memory = mount / "memory" / path
    stat = _pairs(memory / "memory.stat")
    used = int(_text(memory / "memory.usage_in_bytes"))
    limit = stat.get("hierarchical_memory_limit", _UNLIMITED)
    return CgroupUsage(
        at=at,
        cpu_ns=int(_text(mount / "cpuacct" / path / "cpuacct.usage")),
        memory_bytes=used,
        working_set_bytes=max(0, used - stat["total_inactive_file"]),
        rss_bytes=stat["total_rss"],
        page_faults=stat["total_pgfault"],
        major_page_faults=stat["total_pgmajfault"],
        limit_bytes=limit if limit < _UNLIMITED else None,
    )


def _unified(directory: Path, at: float) -> CgroupUsage:
    stat = _pairs(directory / "memory.stat")
    try:
        used = int(_text(directory / "memory.current"))
        limit = _text(directory / "memory.max").strip()
    except FileNotFoundError:
        used, limit = _of_machine(), "max"  # the root has no account of its own
    return CgroupUsage(
        at=at,
        cpu_ns=_pairs(directory / "cpu.stat")["usage_usec"] * 1000,
        memory_bytes=used,
        working_set_bytes=max(0, used - stat["inactive_file"]),
        rss_bytes=stat["anon"],
        page_faults=stat["pgfault"],
        major_page_faults=stat["pgmajfault"],
        limit_bytes=int(limit) if limit != "max" else None,
    )


def _of_machine() -> int:
    lines = (line.split() for line in _text(Path("/proc/meminfo")).splitlines())
    found = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
    return found["MemTotal"] - found["MemFree"]


def _pairs(path: Path) -> dict[str, int]:
    words = _text(path).split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _text(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536).decode()
    finally:
        os.close(descriptor)
