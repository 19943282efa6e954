"""Removes a cluster: processes, mounts, networks, rules, cgroups, files and kubeconfig entries.

Takes a cluster, whole or half made, also one whose settings are broken; leaves nothing of it.
Invariant: what is found is found by the cluster's name or hash, so nothing of another cluster is touched.
"""

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from podbay.kubelet import cgroups
from podbay.kubelet.volumes import mounting
from podbay.standalone import halt, kubeconfigs, machine, mounts, network
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError

_CNI_CACHE: Final = Path("/var/lib/cni")


def destroy(cluster: Cluster, *, say: Callable[[str], None]) -> None:
    """Remove everything of a cluster. Raises ClusterError."""
    machine.root()
    if not any(directory.exists() for directory in (cluster.state, cluster.run, cluster.log)):
        network.tear_down_host(cluster)
        kubeconfigs.forget_context(cluster)
        say(f"there is no cluster {cluster.name}")
        return
    with cluster.held(say):
        places = cluster.places()
        halt.stop_agents(places)
        halt.stop_pods(cluster, remove=True, say=say)
        halt.stop_runtimes(places)
        halt.kill_the_rest(cluster)
        mounts.release(cluster)
        for directory in (cluster.run, cluster.state):
            _unmount_below(directory)
        network.tear_down_host(cluster)
        _forget_addresses(cluster)
        cgroups.remove(cluster.cgroup)
        kubeconfigs.forget_context(cluster)
        for directory in (cluster.run, cluster.log, cluster.state):
            shutil.rmtree(directory, ignore_errors=True)
            with contextlib.suppress(OSError):
                directory.parent.rmdir()
    say(f"cluster {cluster.name} is gone")


def _unmount_below(directory: Path) -> None:
    """Unmount everything in a directory. Raises ClusterError if something stays: what is in it must not be removed."""
    for mount in mounting.mounts_below(directory):
        with contextlib.suppress(OSError):
            mounting.unmount(mount)
    left = mounting.mounts_below(directory)
    if left:
        raise ClusterError(f"{left[0]} cannot be unmounted: unmount it, then run the command again")


def _forget_addresses(cluster: Cluster) -> None:
    """Remove what CNI keeps of sandboxes that could not be torn down, and its directories if nothing else is there."""
    of_ours = re.compile(rf"{re.escape(network.cni_name(cluster))}-[0-9a-f]{{64}}-.*")
    results = _CNI_CACHE / "results"
    for cached in results.glob("*") if results.is_dir() else ():
        if of_ours.fullmatch(cached.name):
            cached.unlink(missing_ok=True)
    for directory in (results, _CNI_CACHE):
        with contextlib.suppress(OSError):
            directory.rmdir()
