"""``podbay doctor``: what this machine has, what it lacks, and what to do about it.

Pure but for looking. Gives lines and an exit code.
"""

import os
import platform
from collections.abc import Callable
from pathlib import Path

from podbay.kubelet import cgroups
from podbay.standalone import containerd
from podbay.standalone.cluster import ClusterError


def examine(say: Callable[[str], None]) -> int:
    """Tell what is there and what is missing; return 1 if a pod could not run."""
    missing = 0
    say(f"ok       kernel {platform.release()}, Python {platform.python_version()}")
    if os.geteuid() == 0:
        say("ok       root")
    else:
        missing += 1
        say("missing  root: run podbay up with sudo")
    wanted: tuple[tuple[str, Callable[[], str]], ...] = (
        ("containerd", lambda: containerd.binary("containerd", "containerd")),
        ("ctr", lambda: containerd.binary("ctr", "containerd")),
        ("runc or crun", containerd.low_level_runtime),
        ("CNI plugins", lambda: str(containerd.cni_directory())),
        ("ip", lambda: containerd.binary("ip", "iproute2")),
        ("nft", lambda: containerd.binary("nft", "nftables")),
        ("iptables", lambda: containerd.binary("iptables", "iptables")),
        ("catatonit", lambda: containerd.binary("catatonit", "catatonit")),
        ("nsenter", lambda: containerd.binary("nsenter", "util-linux")),
    )
    for what, look in wanted:
        try:
            say(f"ok       {what}: {look()}")
        except ClusterError as error:
            missing += 1
            say(f"missing  {what}: {error}")
    say(f"ok       cgroups: {_cgroups()}" if cgroups.hierarchies() else "missing  cgroups: mount /sys/fs/cgroup")
    if not _has_capability(24):
        say("note     CAP_SYS_RESOURCE is not held: oom scores are not lowered, and pods run all the same")
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        missing += 1
        say("missing  IP forwarding: the kernel has no IPv4")
    return 1 if missing else 0


def _cgroups() -> str:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return "version 2"
    return "version 1 beside version 2 (hybrid)" if (root / "unified").exists() else "version 1"


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
