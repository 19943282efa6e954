"""What the kernel tells of the machine and of a process's network: interfaces, processes, when it started.

Reads files under /proc, which is quick; gives numbers.
Source: proc(5); for the interfaces that are left out, cAdvisor's container/libcontainer.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from podbay.kubelet.stats.samples import Interface

_LEFT_OUT: Final = ("lo", "veth", "docker", "nerdctl")  # the loopback, and what is told of by those at the other end


def interfaces_of(pid: int | str = "self") -> Sequence[Interface]:
    """Return the interfaces of a process's network, as ``parse_interfaces``; nothing if the process is gone."""
    try:
        return parse_interfaces(Path(f"/proc/{pid}/net/dev").read_text())
    except (OSError, ValueError):
        return ()


def parse_interfaces(text: str) -> Sequence[Interface]:
    """Return the interfaces that ``/proc/net/dev`` tells of, the loopback and the ends of containers' left out."""
    found = []
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        numbers = [int(word) for word in rest.split()]
        if not name.strip().lower().startswith(_LEFT_OUT):
            found.append(
                Interface(
                    name=name.strip(),
                    rx_bytes=numbers[0],
                    rx_errors=numbers[2],
                    tx_bytes=numbers[8],
                    tx_errors=numbers[10],
                )
            )
    return tuple(found)


def most_processes() -> int:
    """Return how many processes and threads the machine can have."""
    return min(int(Path(f"/proc/sys/kernel/{name}").read_text()) for name in ("pid_max", "threads-max"))


def process_count() -> int:
    """Return how many processes and threads the machine has."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


def boot_time() -> float:
    """Return when the machine started, in seconds since the epoch."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
