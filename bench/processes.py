"""What a cluster's processes use: proportional memory, CPU time, bytes written, read from /proc.

Takes a cluster's place; gives its processes by role. Source: proc(5).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """What some processes have used until now. PSS shares out what they share with others."""

    pss_bytes: int
    cpu_s: float
    written_bytes: int

    def __add__(self, other: "Use") -> "Use":
        return Use(self.pss_bytes + other.pss_bytes, self.cpu_s + other.cpu_s, self.written_bytes + other.written_bytes)


def use(pids: Iterable[int]) -> Use:
    """Return what processes have used, together. Raises OSError if one has ended."""
    return sum((_use(pid) for pid in pids), Use(0, 0.0, 0))


def shims_of(socket: Path) -> list[int]:
    """Return the pids of the shims that a containerd started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"containerd-shim" in words[0] and str(socket).encode() in words:
                found.append(int(entry.name))
    return found


def _use(pid: int) -> Use:
    root = Path(f"/proc/{pid}")
    fields = (root / "stat").read_text().rpartition(")")[2].split()
    return Use(
        pss_bytes=_number(root / "smaps_rollup", "Pss:") * 1024,
        cpu_s=(int(fields[11]) + int(fields[12])) * _TICK_S,
        written_bytes=_number(root / "io", "write_bytes:"),
    )


def _number(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise OSError(f"{path} says nothing of {name}")
