"""Takes single files out of Debian packages, without installing them.

Takes a package's name (fetched with the machine's own apt, so from its own mirrors) or a ``.deb``; gives bytes.
Source: deb(5), ar(5).
"""

import io
import platform
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from podbay.standalone.errors import ClusterError

_MAGIC: Final = b"!<arch>\n"
_HEADER_BYTES: Final = 60
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def architecture() -> str:
    """Return this machine's architecture as image configurations name it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def files_of_package(package: str, names: Sequence[str]) -> dict[str, bytes]:
    """Fetch a package into a directory that goes again; give files by the end of their path. Raises ClusterError."""
    with tempfile.TemporaryDirectory(prefix="podbay-deb-") as text:
        directory = Path(text)
        directory.chmod(0o755)  # apt fetches as a user of its own
        for refresh in (False, True):
            if refresh:
                subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
            try:
                done = subprocess.run(
                    ["apt-get", "download", "-qq", package], cwd=directory, capture_output=True, text=True, check=False
                )
            except FileNotFoundError:
                raise ClusterError("the example images are made from Debian packages, which needs apt-get") from None
            found = sorted(directory.glob("*.deb"))
            if done.returncode == 0 and found:
                return files_of_deb(found[0].read_bytes(), names)
        raise ClusterError(f"apt-get download {package}: {done.stderr.strip()}: check that apt reaches its mirror")


def files_of_deb(deb: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a Debian package whose paths end so. Raises ClusterError if one is not in it."""
    data = next((data for name, data in _members(deb) if name.startswith("data.tar")), None)
    if data is None:
        raise ClusterError("this is no Debian package")
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                name = next((name for name in names if member.name.endswith(f"/{name}")), None)
                file = tar.extractfile(member) if name is not None and member.isfile() else None
                if name is not None and file is not None:
                    found[name] = file.read()
    except tarfile.TarError as error:
        raise ClusterError(f"the package cannot be read: {error}") from None
    missing = [name for name in names if name not in found]
    if missing:
        raise ClusterError(f"the package has no file {missing[0]}")
    return found


def busybox_files() -> Mapping[str, bytes]:
    """Return busybox with the C library that it needs, by path in an image. Raises ClusterError.

    Not the static busybox: glibc wants its shared self at run time to resolve names.
    """
    busybox = files_of_package("busybox", ["bin/busybox"])["bin/busybox"]
    interpreter = _interpreter(busybox)
    loader = interpreter.rpartition("/")[2]
    libraries = files_of_package("libc6", ["libc.so.6", "libresolv.so.2", loader])
    return {
        "bin/busybox": busybox,
        interpreter: libraries[loader],
        "lib/libc.so.6": libraries["libc.so.6"],
        "lib/libresolv.so.2": libraries["libresolv.so.2"],
    }


def _interpreter(binary: bytes) -> str:
    """Return the path of the loader that a program names in its first page."""
    start = binary.find(b"/lib", 0, 4096)
    if start < 0:
        raise ClusterError("the busybox of this release names no loader")
    return binary[start + 1 : binary.index(b"\0", start)].decode()


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
