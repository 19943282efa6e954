"""A container's log files: the one that is written, and older ones that were moved aside, some of them compressed.

Takes the path of the one that is written, ``0.log``; gives the others, ``0.log.20260101-120000`` and the same with
``.gz``, oldest first. Made by ``log_rotation``; read by ``server/logs``.
Invariant: a file that is still being compressed, or that was compressed already, is nobody's log.
Source: https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
"""

import contextlib
import gzip
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final, cast

PACKED: Final = ".gz"
UNFINISHED: Final = ".tmp"
_LEVEL: Final = 6
_GONE: Final = " (deleted)"


def older(log: Path) -> list[Path]:
    """Return the files that were moved aside, oldest first."""
    names = _names(log)
    return [log.with_name(name) for name in sorted(names) if _is_a_log(name, names)]


def unused(log: Path) -> list[Path]:
    """Return what an interrupted compression left behind."""
    names = _names(log)
    return [log.with_name(name) for name in sorted(names) if not _is_a_log(name, names)]


def remove(log: Path) -> None:
    """Remove a log with all that was moved aside of it. Raises OSError."""
    for name in _names(log):
        log.with_name(name).unlink(missing_ok=True)
    log.unlink(missing_ok=True)


def pack(path: Path) -> None:
    """Compress a file that was moved aside; whoever reads it meanwhile reads on. Raises OSError."""
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with path.open("rb") as source, unfinished.open("wb") as target:
            os.fchmod(target.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
            with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target) as packed:
                shutil.copyfileobj(source, packed)
        if path.exists():  # else it was one too many meanwhile
            unfinished.rename(path.with_name(path.name + PACKED))
            path.unlink(missing_ok=True)
    finally:
        unfinished.unlink(missing_ok=True)


def open_log(path: Path) -> BinaryIO:
    """Open a log to read it, compressed or not. Raises OSError."""
    return cast("BinaryIO", gzip.open(path)) if path.suffix == PACKED else path.open("rb")


def is_left(log: Path, file: BinaryIO) -> bool:
    """Tell whether an opened file is not the one that is written, and another one is, or it was removed."""
    ours = os.fstat(file.fileno())
    if ours.st_nlink == 0:
        return True
    try:
        return not os.path.samestat(ours, log.stat())
    except FileNotFoundError:
        return False  # it was moved, and is written until there is a new one


def following(log: Path, file: BinaryIO) -> Path | None:
    """Return the file that comes after an opened one that is not written any more, or None."""
    name = os.readlink(f"/proc/self/fd/{file.fileno()}").removesuffix(_GONE).rpartition("/")[2].removesuffix(PACKED)
    if name != log.name:
        for path in older(log):
            if path.name.removesuffix(PACKED) > name:
                return path
    return log if log.exists() else None


def _names(log: Path) -> set[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(log.parent) as entries:
        return {entry.name for entry in entries if entry.name.startswith(log.name + ".")}
    return set()


def _is_a_log(name: str, names: set[str]) -> bool:
    return not name.endswith(UNFINISHED) and (name.endswith(PACKED) or name + PACKED not in names)
