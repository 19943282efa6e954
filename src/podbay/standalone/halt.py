"""Ends what a cluster runs: its agents, its pods, its runtimes, and whatever outlived them.

Takes a cluster; ends processes in this order, so that nobody starts anew what was just ended.
Invariant: after ``kill_the_rest`` no process is left in the cluster's cgroups.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import ContainerState, Runtime, RuntimeFailure
from podbay.kubelet import cgroups
from podbay.lib.clock import RealClock
from podbay.standalone import processes
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from podbay.standalone.node_place import NodePlace

_GRACE: Final = "io.kubernetes.pod.terminationGracePeriod"
_DESTROY_GRACE_S: Final = 1.0
_SPARE_S: Final = 10.0  # what a runtime may need beyond a grace period


def stop_agents(places: Sequence[NodePlace]) -> None:
    """End the agents and the server, the server last."""
    for place in reversed(places):
        processes.stop(place.agent_pid)


def stop_runtimes(places: Sequence[NodePlace]) -> None:
    """End the containerds that are ours."""
    for place in places:
        processes.stop(place.containerd_pid)


def stop_pods(cluster: Cluster, *, remove: bool, say: Callable[[str], None]) -> None:
    """Stop the pods of every node at once, each with its grace period; ``remove``: quickly, and remove them."""
    places = [place for place in cluster.places() if _endpoint(place)]
    asyncio.run(_stop_pods(places, remove=remove, say=say))


def kill_the_rest(cluster: Cluster) -> None:
    """End whatever still runs in the cluster's cgroups, such as pods whose containerd was killed."""
    for _ in range(3):  # what was just being started is seen the next time
        left = cgroups.processes(cluster.cgroup) - {os.getpid()}
        left |= {pid for place in cluster.places() for pid in _shims(place)}
        if not left:
            return
        processes.kill(left)


async def _stop_pods(places: Sequence[NodePlace], *, remove: bool, say: Callable[[str], None]) -> None:
    await asyncio.gather(*(_stop_pods_of(place, remove=remove, say=say) for place in places))


async def _stop_pods_of(place: NodePlace, *, remove: bool, say: Callable[[str], None]) -> None:
    runtime = CriRuntime(_endpoint(place), RealClock())
    try:
        running = [c for c in await runtime.containers() if c.state is ContainerState.RUNNING]
        graces = {c.id: _DESTROY_GRACE_S if remove else float(c.annotations.get(_GRACE, "30")) for c in running}
        if running and not remove:
            pods = len({c.sandbox_id for c in running})
            say(f"stopping {pods} pods of node {place.name}, for which they have up to {max(graces.values()):.0f} s")
        await asyncio.gather(*(_stop_container(runtime, id_, grace_s) for id_, grace_s in graces.items()))
        for sandbox in await runtime.sandboxes():
            await runtime.stop_sandbox(sandbox.id)
            if remove:
                await runtime.remove_sandbox(sandbox.id)
    except RuntimeFailure as error:
        say(f"node {place.name}: {error.message}; what is left is killed")
    finally:
        await runtime.close()


async def _stop_container(runtime: Runtime, container: str, grace_s: float) -> None:
    with contextlib.suppress(RuntimeFailure, TimeoutError):  # the sandbox's stop ends it, or says why it cannot
        async with asyncio.timeout(grace_s + _SPARE_S):
            await runtime.stop_container(container, grace_s)


def _endpoint(place: NodePlace) -> str:
    """Return the endpoint of a node's runtime, or an empty text if nobody answers there."""
    if processes.running(place.containerd_pid) is not None:
        return str(place.socket)
    with contextlib.suppress(ClusterError):
        given = place.cluster.settings().runtime_endpoint
        if given and Path(given.removeprefix("unix://")).exists():
            return given
    return ""


def _shims(place: NodePlace) -> list[int]:
    """Return the shims of a node's containerd, by the socket on their command line."""
    socket, found = str(place.socket).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and socket in words:
                found.append(int(entry.name))
    return found
