"""subPath: one file or directory of a volume in a container, whatever symbolic links the volume holds.

Takes a volume's place, a path in it and a target of the pod's own; binds what the path leads to there. A container may
change links in its volumes at any time, so what was looked at must be what is bound: it is opened step by step without
following links, and bound through the descriptor. Blocking.
Invariant: nothing outside the volume is ever bound or made.
Source: the threat model of https://github.com/kubernetes/kubernetes/blob/v1.33.1/pkg/volume/util/subpath/subpath_linux.go
"""

import os
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from podbay.kubelet.volumes import mounting

_STEP: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Escape(Exception):
    """A path that leads out of its volume, or through a link that was just put there."""


def bind(volume: Path, sub: str, target: Path) -> Path:
    """Bind what a path in a volume leads to, making a directory if nothing is there; return the target.

    Raises Escape, OSError.
    """
    base = os.path.realpath(volume)
    wanted = os.path.realpath(os.path.join(base, sub))
    if not _is_within(wanted, base):
        raise Escape(f"{sub} leads out of the volume")
    if not os.path.exists(wanted):
        _make_directories(base, os.path.relpath(wanted, base))
    descriptor = _open(base, os.path.relpath(wanted, base))
    try:
        _bind_descriptor(descriptor, target)
    finally:
        os.close(descriptor)
    return target


def release(target: Path) -> None:
    """Unbind a target. Raises OSError."""
    while mounting.is_mounted(target):
        mounting.unmount(target)


def _bind_descriptor(descriptor: int, target: Path) -> None:
    if mounting.is_mounted(target):
        if os.path.samestat(os.fstat(descriptor), target.stat()):
            return
        release(target)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    wants_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    if os.path.lexists(target) and target.is_dir() != wants_directory:
        target.rmdir() if target.is_dir() else target.unlink()
    if wants_directory:
        target.mkdir(exist_ok=True, mode=0o750)
    else:
        target.touch(mode=0o640)
    mounting.bind(f"/proc/self/fd/{descriptor}", target)


def _make_directories(base: str, sub: str) -> None:
    """Make what is missing, with the volume's own mode and group: as fsGroup has left it."""
    about = os.stat(base)
    here = os.open(base, _STEP | os.O_DIRECTORY)
    try:
        for name in PurePosixPath(sub).parts:
            made = False
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=here)
                made = True
            below = _step(here, name)
            os.close(here)
            here = below
            if made:
                # A descriptor that was only opened as a path is changed through /proc.
                os.chown(f"/proc/self/fd/{here}", -1, about.st_gid if about.st_mode & stat.S_ISGID else -1)
                os.chmod(f"/proc/self/fd/{here}", stat.S_IMODE(about.st_mode))
    finally:
        os.close(here)


def _open(base: str, sub: str) -> int:
    """Open a path below a base without following any link. Raises Escape, OSError."""
    here = os.open(base, _STEP)
    for name in PurePosixPath(sub).parts:
        try:
            below = _step(here, name)
        finally:
            os.close(here)
        here = below
    return here


def _step(here: int, name: str) -> int:
    if name == "..":
        raise Escape("a step up")
    below = os.open(name, _STEP, dir_fd=here)
    if stat.S_ISLNK(os.fstat(below).st_mode):
        os.close(below)
        raise Escape(f"{name} is a symbolic link")
    return below


def _is_within(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base.rstrip('/')}/")
