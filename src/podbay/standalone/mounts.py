"""The mount namespace of a cluster, where it needs one: crun refuses hybrid cgroups unless version 2 is out of sight.

Takes a cluster; gives the words that start a command in its namespace. There is one for the whole cluster, slave to
the host's and pinned to a file, which every agent and containerd enters before it starts: what one of them mounts,
the others and their containers see, also after each of them was killed and started again.
Invariant: a cluster that needs none never has one.
Source: mount_namespaces(7), unshare(1).
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError

_UNIFIED: Final = Path("/sys/fs/cgroup/unified")


def is_needed(oci_runtime: str, unified: Path = _UNIFIED) -> bool:
    """Tell whether a runtime needs version 2 hidden: crun, and only if a controller is left to version 2."""
    try:
        return oci_runtime == "crun" and bool((unified / "cgroup.controllers").read_text().split())
    except OSError:
        return False


def ensure(cluster: Cluster) -> None:
    """Make and pin the cluster's namespace, if it needs one and has none. Raises ClusterError."""
    pin = cluster.mount_namespace
    if is_pinned(cluster) or not is_needed(cluster.settings().oci_runtime):
        return
    directory = pin.parent
    directory.mkdir(parents=True, exist_ok=True)
    # A namespace can be pinned only where its mount does not spread into the namespace itself.
    if not os.path.ismount(directory):
        _run("mount", "--bind", str(directory), str(directory))
    _run("mount", "--make-private", str(directory))
    pin.touch()
    _run("unshare", f"--mount={pin}", "--propagation", "slave", "umount", str(_UNIFIED))


def is_pinned(cluster: Cluster) -> bool:
    """Tell whether the cluster has a namespace of its own."""
    try:
        return os.stat(cluster.mount_namespace).st_dev == os.stat("/proc/self/ns/mnt").st_dev
    except OSError:
        return False


def entered(cluster: Cluster, command: list[str]) -> list[str]:
    """Return a command that runs in the cluster's namespace."""
    if not is_pinned(cluster):
        return command
    return ["nsenter", f"--mount={cluster.mount_namespace}", "--", *command]


def enter(cluster: Cluster) -> None:
    """Go on in the cluster's namespace: this process begins anew there, unless it is in it already."""
    ensure(cluster)
    if is_pinned(cluster) and os.stat(cluster.mount_namespace).st_ino != os.stat("/proc/self/ns/mnt").st_ino:
        command = entered(cluster, [sys.executable, *sys.orig_argv[1:]])
        os.execvp(command[0], command)


def release(cluster: Cluster) -> None:
    """Unpin the namespace: it ends with the last process in it."""
    for mount in (cluster.mount_namespace, cluster.mount_namespace.parent):
        subprocess.run(["umount", "-l", str(mount)], capture_output=True, check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"the cluster's mount namespace: {' '.join(command)}: {done.stderr.strip()}")
