"""hostPath volumes: a path of the node, and what must be there.

Takes the path and the wanted type; makes what it may make. Blocking.
Invariant: an existing file or directory is never changed, and nothing is removed with the pod.
Source: https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types
"""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from podbay.kubelet.volumes.problem import VolumeProblem

_DIRECTORY_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_CHECKS: Final[Mapping[str, tuple[Callable[[int], bool], str]]] = {
    "Directory": (stat.S_ISDIR, "directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "directory"),
    "File": (stat.S_ISREG, "file"),
    "FileOrCreate": (stat.S_ISREG, "file"),
    "Socket": (stat.S_ISSOCK, "socket file"),
    "CharDevice": (stat.S_ISCHR, "character device"),
    "BlockDevice": (stat.S_ISBLK, "block device"),
}


def prepare(source: Mapping[str, Any]) -> Path:
    """Return the path once it is what the type says. Raises VolumeProblem, OSError."""
    path, kind = Path(source["path"]), source.get("type") or ""
    if not kind:
        return path  # whatever is there; the runtime makes a directory where nothing is
    if not path.exists():
        if kind == "DirectoryOrCreate":
            _make_directories(path)
        elif kind == "FileOrCreate":
            _make_file(path)
    matches, name = _CHECKS[kind]
    try:
        found = matches(path.stat().st_mode)
    except OSError:
        found = False
    if not found:
        raise VolumeProblem(f"hostPath type check failed: {path} is not a {name}")
    return path


def _make_directories(path: Path) -> None:
    for parent in [*reversed(path.parents), path]:
        if not parent.exists():
            parent.mkdir(exist_ok=True)
            parent.chmod(_DIRECTORY_MODE)


def _make_file(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    except FileNotFoundError as error:
        raise VolumeProblem(f"open {path}: no such file or directory") from error
    os.close(descriptor)
