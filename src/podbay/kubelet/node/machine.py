"""What the machine is and has: read once from the kernel.

Gives plain facts to ``registration``. Source: /proc, uname(2), os-release(5),
https://docs.kernel.org/admin-guide/mm/hugetlbpage.html
"""

import os
import platform
import shutil
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HUGE_PAGES: Final = Path("/sys/kernel/mm/hugepages")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Facts about the machine."""

    cpus: int
    memory_bytes: int
    disk_bytes: int
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str
    hostname: str
    huge_pages: Mapping[int, int] = field(default_factory=dict)  # by the bytes of a page, how many there are


def read_machine(root: Path) -> Machine:
    """Read the facts; ``root`` is the directory whose disk pods use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine_id = _text("/etc/machine-id")
    return Machine(
        cpus=os.cpu_count() or 1,
        memory_bytes=memory,
        disk_bytes=shutil.disk_usage(root).total,
        machine_id=machine_id or uuid.uuid5(uuid.NAMESPACE_DNS, socket.gethostname()).hex,
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or machine_id,
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_image(),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        hostname=socket.gethostname(),
        huge_pages=read_huge_pages(HUGE_PAGES),
    )


def read_huge_pages(directory: Path) -> dict[int, int]:
    """Return how many huge pages the machine has, by the bytes of one; a kernel without any has no directory."""
    found = {}
    for entry in directory.glob("hugepages-*kB"):
        size = int(entry.name.removeprefix("hugepages-").removesuffix("kB"))
        found[size * 1024] = int(_text(str(entry / "nr_hugepages")) or 0)
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return ""


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "Linux"
