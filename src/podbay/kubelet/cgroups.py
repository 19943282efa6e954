"""The cgroups of pods: which are there, and their removal in every hierarchy. The runtime makes them.

Takes cgroup paths such as ``/podbay/NAME/pod<uid>``. Works on version 1, hybrid and version 2.
Source: https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html
"""

import contextlib
import os
from pathlib import Path
from typing import Final

_MOUNT: Final = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return the mount point of every hierarchy."""
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    if not _MOUNT.is_dir():
        return []
    return sorted({entry.resolve() for entry in _MOUNT.iterdir() if entry.is_dir()})


def pods_under(parent: str) -> set[str]:
    """Return the uids of pods that have a cgroup under a parent, in any hierarchy."""
    found: set[str] = set()
    for root in hierarchies():
        with contextlib.suppress(OSError):
            found |= {e.name[3:] for e in (root / parent.lstrip("/")).iterdir() if e.name.startswith("pod")}
    return found


def remove(path: str) -> None:
    """Remove a cgroup and all below it, wherever it is empty."""
    for root in hierarchies():
        top = root / path.lstrip("/")
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
