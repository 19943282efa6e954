"""fsGroup: gives the files of a volume to a group, so that its members can use them.

Takes a directory and a group; changes owners and modes of everything in it. Blocking.
Invariant: no symbolic link is followed; modes only gain bits.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

import os
import stat
from pathlib import Path
from typing import Final

_READ_WRITE: Final = 0o660
_READ_ONLY: Final = 0o440
_ENTER: Final = 0o110 | stat.S_ISGID  # what is made in the directory later belongs to the group too


def directory_mode(mode: int) -> int:
    """Return the mode of a directory that was given to a group."""
    return mode | _READ_WRITE | _ENTER


def give_to_group(directory: Path, group: int, *, read_only: bool = False) -> None:
    """Give a directory and everything in it to a group. Raises OSError."""
    bits = _READ_ONLY if read_only else _READ_WRITE
    _give(directory, group, bits)
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            _give(Path(parent, name), group, bits)


def is_given(directory: Path, group: int) -> bool:
    """Tell whether a directory itself looks as if everything in it had been given to a group. Raises OSError."""
    found = directory.stat()
    mode = stat.S_IMODE(found.st_mode)
    return found.st_gid == group and directory_mode(mode) == mode


def _give(path: Path, group: int, bits: int) -> None:
    mode = path.lstat().st_mode
    os.lchown(path, -1, group)
    if stat.S_ISLNK(mode):
        return
    path.chmod(stat.S_IMODE(mode) | bits | (_ENTER if stat.S_ISDIR(mode) else 0))
