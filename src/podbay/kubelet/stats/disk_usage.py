"""What files take on disks, as ``du`` counts it, and how full file systems are.

Takes paths; gives sums. Blocking, and as slow as there are many files. What vanishes meanwhile counts as nothing.
Invariant: no other file system below a directory is counted with it, and a file with many names counts once.
Source: statvfs(3), lstat(2); upstream's volume/util/fs.
"""

import os
from pathlib import Path
from typing import Final

from podbay.kubelet.stats.samples import DiskUsage, Filesystem

_BLOCK: Final = 512  # what st_blocks counts in, whatever the file system's blocks are


def tree(path: Path) -> DiskUsage:
    """Return what a directory takes with everything in it; a path that is not there takes nothing."""
    try:
        top = os.lstat(path)
    except OSError:
        return DiskUsage()
    size, count = top.st_blocks * _BLOCK, 1
    seen: set[int] = set()
    waiting = [os.fspath(path)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        stat = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.st_dev != top.st_dev:
                        continue
                    if stat.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if stat.st_ino in seen:
                            continue
                        seen.add(stat.st_ino)
                    size, count = size + stat.st_blocks * _BLOCK, count + 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return DiskUsage(bytes=size, inodes=count)


def filesystem(path: Path) -> Filesystem:
    """Return how full the file system of a path is. Raises OSError."""
    found = os.statvfs(path)
    return Filesystem(
        available_bytes=found.f_bavail * found.f_frsize,
        capacity_bytes=found.f_blocks * found.f_frsize,
        used_bytes=(found.f_blocks - found.f_bfree) * found.f_frsize,
        inodes_free=found.f_ffree,
        inodes=found.f_files,
    )


def is_same_filesystem(one: Path, two: Path) -> bool:
    """Tell whether two paths are on one file system. Raises OSError."""
    return os.stat(one).st_dev == os.stat(two).st_dev
