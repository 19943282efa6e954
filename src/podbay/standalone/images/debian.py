"""Takes single files out of Debian packages, without installing them.

Takes a package's name (fetched with the machine's own apt, so from its own mirrors) or a ``.deb``; gives bytes.
Source: deb(5), ar(5).
"""

import io
import platform
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from podbay.standalone.cluster import ClusterError

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


def architecture() -> str:
    """Return this machine's architecture as image configurations name it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def file_of_package(package: str, path: str) -> bytes:
    """Fetch a package into a directory that goes again, and return one of its files. Raises ClusterError."""
    with tempfile.TemporaryDirectory(prefix="podbay-deb-") as text:
        directory = Path(text)
        directory.chmod(0o755)  # apt fetches as a user of its own
        for refresh in (False, True):
            if refresh:
                subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            done = subprocess.run(
                ["apt-get", "download", "-qq", package], cwd=directory, capture_output=True, text=True, check=False
            )
            found = sorted(directory.glob("*.deb"))
            if done.returncode == 0 and found:
                return file_of_deb(found[0].read_bytes(), path)
        raise ClusterError(f"apt-get download {package}: {done.stderr.strip()}: check that apt reaches its mirror")


def file_of_deb(deb: bytes, path: str) -> bytes:
    """Return one file of a Debian package. Raises ClusterError if it is no package or has no such file."""
    for name, data in _members(deb):
        if name.startswith("data.tar"):
            try:
                with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                    for candidate in (f"./{path}", path):
                        if candidate in tar.getnames():
                            file = tar.extractfile(candidate)
                            if file is not None:
                                return file.read()
            except tarfile.TarError as error:
                raise ClusterError(f"the package's {name} cannot be read: {error}") from None
            raise ClusterError(f"the package has no file {path}")
    raise ClusterError("this is no Debian package")


def _members(deb: bytes) -> list[tuple[str, bytes]]:
    if not deb.startswith(_MAGIC):
        return []
    found, at = [], len(_MAGIC)
    while at + _HEADER_BYTES <= len(deb):
        header = deb[at : at + _HEADER_BYTES]
        size = int(header[48:58])
        at += _HEADER_BYTES
        found.append((header[:16].decode().strip().rstrip("/"), deb[at : at + size]))
        at += size + size % 2
    return found
