"""Which kernel parameters a pod may set: those that touch nobody else, and those that the node's owner allows.

Pure. Takes a pod, the kernel's version and what is allowed besides; gives why the node refuses the pod, or None.
Source: https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

_FORBIDDEN: Final = "SysctlForbidden"
_SAFE: Final = {
    "kernel.shm_rmid_forced": (0, 0),
    "net.ipv4.ip_local_port_range": (0, 0),
    "net.ipv4.tcp_syncookies": (0, 0),
    "net.ipv4.ping_group_range": (0, 0),
    "net.ipv4.ip_unprivileged_port_start": (0, 0),
    "net.ipv4.ip_local_reserved_ports": (3, 16),
    "net.ipv4.tcp_keepalive_time": (4, 5),
    "net.ipv4.tcp_fin_timeout": (4, 6),
    "net.ipv4.tcp_keepalive_intvl": (4, 5),
    "net.ipv4.tcp_keepalive_probes": (4, 5),
    "net.ipv4.tcp_rmem": (4, 15),
    "net.ipv4.tcp_wmem": (4, 15),
}  # by the kernel that made each one a namespace's own


def refusal(pod: Object, kernel: str, allowed: Sequence[str]) -> tuple[str, str] | None:
    """Return (reason, message). ``allowed`` are names, or beginnings of names that end with ``*``."""
    version = _version(kernel)
    for name in sysctls_of(pod):
        if name in _SAFE and version >= _SAFE[name]:
            continue
        if not any(name == rule or (rule.endswith("*") and name.startswith(rule[:-1])) for rule in allowed):
            return _FORBIDDEN, f'forbidden sysctl: "{name}" not allowlisted'
    return None


def sysctls_of(pod: Object) -> dict[str, str]:
    """Return what a pod sets, by names whose parts are divided by dots."""
    entries = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    return {dotted(entry["name"]): entry["value"] for entry in entries}


def dotted(name: str) -> str:
    """Return a parameter's name with dots between its parts: ``net/ipv4/conf/eth0.1`` is another way to write it."""
    first = next((letter for letter in name if letter in "./"), "")
    return name.translate(str.maketrans("./", "/.")) if first == "/" else name


def _version(kernel: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(found[1]), int(found[2])) if found else (0, 0)
