"""The files of an image archive: members of a tar file, or files of a directory.

Takes a path; gives files by their name in the archive. A compressed tar file is unpacked into a temporary one first,
since its members are read in any order.
Invariant: nothing outside of the archive is read, whatever names and links it holds.
"""

import bz2
import gzip
import lzma
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol, cast

from podbay.standalone.errors import ClusterError

_UNPACKERS: Final[dict[bytes, Callable[[Path], IO[bytes]]]] = {
    b"\x1f\x8b": lambda path: cast(IO[bytes], gzip.GzipFile(path)),
    b"BZ": lambda path: cast(IO[bytes], bz2.BZ2File(path)),
    b"\xfd7": lambda path: cast(IO[bytes], lzma.LZMAFile(path)),  # noqa: SIM115 closed by its user
}
_ZSTD: Final = b"\x28\xb5"
_LINKS: Final = 20


class Files(Protocol):
    """The files of one archive."""

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""

    def open(self, name: str) -> BinaryIO:
        """Open a file. Raises ClusterError if there is none."""

    def close(self) -> None:
        """Close the archive."""


class TarFiles:
    """A tar file. Raises OSError, tarfile.TarError, EOFError, zlib.error for what is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _plain(path)
        try:
            self._tar = tarfile.open(fileobj=self._file, mode="r:")  # noqa: SIM115 closed by close
            self._members = {member.name.removeprefix("./"): member for member in self._tar.getmembers()}
        except BaseException:
            self._file.close()
            raise

    def has(self, name: str) -> bool:
        """Tell whether there is such a member."""
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        """Open a member, through links to other members: docker saves a layer that two images share once."""
        member = self._members.get(name)
        for _ in range(_LINKS):
            if member is None or not (member.issym() or member.islnk()):
                break
            there = Path(member.name).parent / member.linkname if member.issym() else Path(member.linkname)
            member = self._members.get(_normal(there))
        file = self._tar.extractfile(member) if member is not None and member.isfile() else None
        if file is None:
            raise ClusterError(f"{self._path} lacks {name}")
        return cast(BinaryIO, file)

    def close(self) -> None:
        """Close the archive."""
        self._tar.close()
        self._file.close()


class DirectoryFiles:
    """A directory with an OCI layout."""

    def __init__(self, path: Path) -> None:
        self._root = path.resolve()

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return self._inside(name) is not None

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        path = self._inside(name)
        if path is None:
            raise ClusterError(f"{self._root} lacks {name}")
        return path.open("rb")

    def close(self) -> None:
        """Do nothing."""

    def _inside(self, name: str) -> Path | None:
        path = (self._root / name).resolve()
        return path if path.is_relative_to(self._root) and path.is_file() else None


def _plain(path: Path) -> IO[bytes]:
    """Open a file, unpacked if it is compressed."""
    file = path.open("rb")
    magic = file.read(2)
    file.seek(0)
    if magic not in _UNPACKERS and magic != _ZSTD:
        return file
    file.close()
    if magic == _ZSTD:
        raise OSError("it is compressed by zstd: unpack it first (zstd -d)")
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 closed by its user
    try:
        with _UNPACKERS[magic](path) as packed:
            shutil.copyfileobj(packed, unpacked)
    except BaseException:
        unpacked.close()
        raise
    unpacked.seek(0)
    return unpacked


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ".."):
            parts.append(part)
    return "/".join(parts)
