"""Writes the files of a volume so that who reads them sees either all old ones or all new ones.

Takes a directory and what shall be in it; leaves a directory ``..<time>.<random>`` with the files, the link ``..data``
that leads to it, and for each first part of a path a link through ``..data``. Turning ``..data`` is the one moment of
change. Blocking.
Invariant: a payload that is there already is not written again; whatever is killed in between, the next write mends.
Source: https://github.com/kubernetes/kubernetes/blob/v1.33.1/pkg/volume/util/atomic_writer.go (its layout on disk)
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_DATA: Final = "..data"
_NEW_DATA: Final = "..data_tmp"
_DIRECTORY_MODE: Final = 0o755


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume. ``owner`` is its user, if it shall not be the kubelet's."""

    data: bytes
    mode: int
    owner: int | None = None


Payload = Mapping[str, File]  # by path, relative to the volume


def write(directory: Path, payload: Payload, settle: Callable[[Path], None]) -> bool:
    """Make a directory hold exactly these files; return whether something changed. Raises OSError.

    ``settle`` is given the new files before anybody sees them, to set owners.
    """
    data = directory / _DATA
    current = directory / os.readlink(data) if data.is_symlink() else None
    if current is not None and _holds(current, payload):
        _link(directory, payload)
        _clear(directory, current, payload)
        return False
    stamp = datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S.")
    fresh = Path(tempfile.mkdtemp(prefix=stamp, dir=directory))
    fresh.chmod(_DIRECTORY_MODE)
    for name, file in payload.items():
        _write_file(fresh, name, file)
    settle(fresh)
    partial = directory / _NEW_DATA
    partial.unlink(missing_ok=True)
    partial.symlink_to(fresh.name)
    partial.replace(data)
    _link(directory, payload)
    _clear(directory, fresh, payload)
    return True


def _write_file(root: Path, name: str, file: File) -> None:
    path = root / name
    for parent in reversed(path.relative_to(root).parents[:-1]):
        with contextlib.suppress(FileExistsError):
            (root / parent).mkdir()
            (root / parent).chmod(_DIRECTORY_MODE)
    path.write_bytes(file.data)
    path.chmod(file.mode)  # whatever the umask took
    if file.owner is not None:
        os.chown(path, file.owner, -1)


def _holds(root: Path, payload: Payload) -> bool:
    """Tell whether a directory has exactly these contents. Modes are set with them and never change alone."""
    found = {}
    for parent, _, names in os.walk(root):
        for name in names:
            path = Path(parent, name)
            found[str(path.relative_to(root))] = path.read_bytes()
    return found == {os.path.normpath(name): file.data for name, file in payload.items()}


def _link(directory: Path, payload: Payload) -> None:
    for name in {Path(name).parts[0] for name in payload}:
        path = directory / name
        target = f"{_DATA}/{name}"
        if not path.is_symlink() or os.readlink(path) != target:
            path.unlink(missing_ok=True)
            path.symlink_to(target)


def _clear(directory: Path, current: Path, payload: Payload) -> None:
    """Remove links to files that are gone, and the directories of earlier writes."""
    kept = {Path(name).parts[0] for name in payload} | {_DATA, current.name}
    for entry in directory.iterdir():
        if entry.name in kept:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
