"""Records what podbay asks of containerd for one pod, so that it can be played again alone.

Takes a running cluster that has the image; restarts its server twice, with the recorder between. Gives a ``Recorded``.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cluster import BenchCluster
from bench.cri.proxy import Call, recording
from bench.cri.replay import NOT_OF_A_POD, Replay
from bench.patience import patience
from bench.pod_watch import PodWatch, manifest, pod_watch
from podbay.cri.client import CriRuntime
from podbay.kubelet.observed import POD_UID
from podbay.lib.clock import RealClock
from podbay.standalone import processes

_PATIENCE_S = 60.0
_QUIET_S = 2.0  # after which what starting up asks of the runtime is over


class Recorded:
    """One pod's requests, and when the pod was asked for and seen running."""

    def __init__(self, replay: Replay, asked: float, running: float) -> None:
        self.replay = replay
        self._asked = asked
        self._running = running

    def around(self) -> tuple[float, float]:
        """Return the seconds before the first request and after the last."""
        calls = self.replay.calls
        return min(c.began_s for c in calls) - self._asked, self._running - max(c.ended_s for c in calls)

    def summary(self) -> str:
        """Return the requests' names in their order."""
        return ", ".join(call.method for call in sorted(self.replay.calls, key=lambda call: call.began_s))


async def record(made: BenchCluster) -> Recorded:
    """Record the second pod's requests: the first one warms everything up."""
    await asyncio.to_thread(processes.stop, made.place.server_pid)
    socket = made.place.node(1).socket
    async with recording(socket) as proxy:
        await asyncio.to_thread(made.up)
        async with pod_watch(made) as watch:
            for name in ("warm", "recorded"):
                await asyncio.sleep(_QUIET_S)
                begin = len(proxy.calls)
                asked = time.monotonic()
                uid = (await watch.create(manifest(name)))["metadata"]["uid"]
                running = await watch.first(uid, "Running")
                recorded = Recorded(Replay(_of_pod(proxy.calls[begin:], running), socket), asked, running)
                await delete(watch, name, uid, socket)
        await asyncio.to_thread(processes.stop, made.place.server_pid)
    await asyncio.to_thread(made.up)
    return recorded


async def delete(watch: PodWatch, name: str, uid: str, socket: Path) -> None:
    """Delete a pod and wait until nothing of it is left, also in the runtime. Raises BenchError."""
    await watch.delete(name)
    await watch.first(uid, "DELETED")
    runtime = CriRuntime(str(socket), RealClock())
    try:
        async with patience(_PATIENCE_S, lambda: f"the sandboxes of pod {uid} to go"):
            while await runtime.sandboxes({POD_UID: uid}):
                await asyncio.sleep(0.01)
    finally:
        await runtime.close()


def _of_pod(calls: Sequence[Call], until: float) -> list[Call]:
    return [call for call in calls if call.ended_s <= until and call.method not in NOT_OF_A_POD]
