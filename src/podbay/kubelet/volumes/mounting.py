"""Mounts and unmounts, by the kernel's own calls, and which mounts there are.

Takes paths; changes the mount table of this process's namespace. Blocking, but short.
Invariant: unmounting follows no symbolic link, and a tree is removed only when nothing is mounted in it any more, so
that no file of another file system can go with it.
Source: mount(2), umount2(2), proc_pid_mountinfo(5)
"""

import ctypes
import os
import re
import shutil
from pathlib import Path
from typing import Final

_BIND: Final = 4096
_REMOUNTED_RECURSIVELY: Final = 16384
_SHARED: Final = 1 << 20
_DETACH: Final = 2
_NO_FOLLOW: Final = 8
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def mount_tmpfs(path: Path, *, mode: int, size_bytes: int, gid: int | None = None) -> None:
    """Mount a file system in memory whose pages are not swapped out where the kernel can promise it. Raises OSError."""
    options = f"mode={mode:o}" + (f",size={size_bytes}" if size_bytes else "") + (f",gid={gid}" if gid else "")
    try:
        _mount("tmpfs", path, "tmpfs", 0, f"{options},noswap")
    except OSError:
        _mount("tmpfs", path, "tmpfs", 0, options)  # before Linux 6.4


def mount_huge_pages(path: Path, *, page_bytes: int) -> None:
    """Mount a file system in huge pages of a size. Raises OSError."""
    _mount("nodev", path, "hugetlbfs", 0, f"pagesize={page_bytes}")


def bind(source: str, target: Path) -> None:
    """Show a file or directory at another place, without what is mounted in it. Raises OSError."""
    _mount(source, target, "", _BIND, "")


def make_shared(path: Path) -> None:
    """Have mounts made in a directory seen by whoever takes part in them. Raises OSError."""
    if not is_shared(path):
        _mount(str(path), path, "", _BIND | _REMOUNTED_RECURSIVELY, "")
        _mount("", path, "", _SHARED | _REMOUNTED_RECURSIVELY, "")


def unmount(path: Path) -> None:
    """Take a mount away, at once, also while somebody uses it. Raises OSError."""
    if _LIBC.umount2(os.fsencode(path), _DETACH | _NO_FOLLOW) != 0:
        raise _failure(path)


def mounts_below(directory: Path) -> list[Path]:
    """Return every mount strictly below a directory, the deepest first; one on top of another counts twice."""
    prefix = f"{os.path.realpath(directory)}/"
    found = [point for point, _ in _table() if point.startswith(prefix)]
    return [Path(point) for point in sorted(found[::-1], key=lambda point: point.count("/"), reverse=True)]


def is_mounted(path: Path) -> bool:
    """Tell whether something is mounted right there."""
    return os.path.realpath(path) in {point for point, _ in _table()}


def is_shared(path: Path) -> bool:
    """Tell whether the mount that a path is in shares what is mounted in it."""
    place = f"{os.path.realpath(path).rstrip('/')}/"
    around = [(point, tags) for point, tags in _table() if place.startswith(f"{point.rstrip('/')}/")]
    _, tags = max(around, key=lambda entry: len(entry[0]), default=("", ""))
    return "shared:" in tags


def remove_tree(directory: Path) -> None:
    """Unmount everything in a directory and remove it. Raises OSError if something cannot go."""
    for path in mounts_below(directory):
        unmount(path)
    left = mounts_below(directory)
    if left:
        raise OSError(f"still mounted: {left[0]}")
    if directory.exists():
        shutil.rmtree(directory)


def _table() -> list[tuple[str, str]]:
    """Return (mount point, optional fields) of every mount, in the order in which they were made."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split(" ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), words[4])
        found.append((point, " ".join(words[6 : words.index("-")])))
    return found


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    words = [os.fsencode(text) for text in (source, target, kind)]
    if _LIBC.mount(*words, ctypes.c_ulong(flags), options.encode()) != 0:
        raise _failure(target)


def _failure(path: Path) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), str(path))
