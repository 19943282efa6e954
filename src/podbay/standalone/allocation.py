"""Ports and address ranges that nobody on this machine uses yet.

Takes what other clusters were given; looks at the host's sockets and routes; gives a port or a range. Decided once,
when a cluster is made.
Source: ip-route(8): the routes of every table count, also a VPN's.
"""

import ipaddress
import socket
import subprocess
from collections.abc import Collection, Iterable
from typing import Final

from podbay.standalone.errors import ClusterError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LAST_RESORT_STEPS: Final = 256


def free_port(ports: range, taken: Collection[int]) -> int:
    """Return the first port that is neither taken nor in use. Raises ClusterError."""
    for port in ports:
        if port not in taken and port_is_free("0.0.0.0", port):
            return port
    raise ClusterError(f"no port is free between {ports.start} and {ports.stop - 1}: stop what uses them")


def port_is_free(address: str, port: int) -> bool:
    """Tell whether a server could listen here."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def port_user(port: int) -> str:
    """Return who listens on a port as ``ss`` tells it, or an empty text."""
    try:
        told = subprocess.run(
            ["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=False
        ).stdout.split()
    except OSError:
        return ""
    return next((word for word in told if word.startswith("users:")), "").removeprefix("users:").strip("()")


def free_range(second: int, used: Iterable[Network], *, prefix: int) -> str:
    """Return a range of 10/8, from ``10.<second>`` on, that overlaps none of the used ones. Raises ClusterError."""
    used = list(used)
    for step in range(_LAST_RESORT_STEPS):
        candidate = ipaddress.ip_network(f"10.{(second + step) % 256}.0.0/{prefix}")
        if not any(candidate.overlaps(other) for other in used if other.version == 4):
            return str(candidate)
    raise ClusterError("no range of 10.0.0.0/8 is free for pods: remove a route (ip route show table all)")


def routed_networks(told: str | None = None) -> list[Network]:
    """Return what the host has routes to, the default route left out. ``told`` stands for what ip(8) says."""
    if told is None:
        command = ["ip", "-o", "route", "show", "table", "all"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: list[Network] = []
    for line in told.splitlines():
        # The kind of a route ("local", "unreachable") may come before what it leads to.
        for word in line.split()[:2]:
            try:
                network = ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue
            if network.prefixlen > 0:
                found.append(network)
            break
    return found
