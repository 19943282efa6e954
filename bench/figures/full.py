"""Figure 6: as many pods as a node takes, made at once, and what they cost the kubelet while they run.

One pod's requests are recorded; then all pods are created at once, and the recorded requests are played to the same
containerd as often, so many at a time as is quickest for it. Then the pods run, without probes and with one a second.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench.cluster import BenchCluster, cluster, kubia_archive
from bench.cri.record import Recorded, record
from bench.figures import Effort
from bench.pod_watch import PodWatch, manifest, pod_watch
from bench.processes import Use, use
from bench.table import Row, Section, megabytes, seconds

_GOAL: Final = 1.2
_SETTLE_S: Final = 15.0
_AT_ONCE: Final = (2, 4, 8, 16)
_PROBE: Final = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}


@dataclass(frozen=True, slots=True)
class _Filled:
    """How long the pods took, and what the server and kubelet used before they came and while they rested."""

    took_s: float
    before: Use
    after: Use
    cpu: float


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    count = effort.full_node
    with cluster("full") as made:
        made.up()
        made.import_image(kubia_archive())
        recorded = asyncio.run(record(made))
        plain = asyncio.run(_filled(made, count, effort.rest_s / 2, {}))
        probed = asyncio.run(_filled(made, count, effort.rest_s / 2, {"readinessProbe": _PROBE}))
        with _stopped(made.pid("server.pid")):
            floors = asyncio.run(_floors(recorded, count))
    best = min(floors, key=lambda at_once: floors[at_once])
    ratio = plain.took_s / floors[best]
    rows = [
        Row(
            what=f"{count} pods at once: create to all Running",
            ours=seconds(plain.took_s),
            beside=f"{seconds(floors[best])} (the same CRI requests, {best} pods at a time)",
            ratio=ratio,
            goal="1.2",
            met=ratio <= _GOAL,
            why="Both cores are busy with containerd and runc; what the server and kubelet compute comes on top of it.",
        ),
        Row(
            what="memory (PSS) of control plane and kubelet, for each pod",
            ours=megabytes((plain.after.pss_bytes - plain.before.pss_bytes) / count),
        ),
        Row(what=f"CPU at rest, {count} pods, control plane and kubelet", ours=f"{plain.cpu:.2%} of a core"),
        Row(
            what=f"CPU at rest, {count} pods with a probe a second each",
            ours=f"{probed.cpu:.2%} of a core",
        ),
    ]
    how = (
        f"{count} pods of the demo's image are created at once over one connection, until a watcher was told that all"
        " run. The floor is one pod's recorded requests, played to the same containerd as often, the best of"
        f" {', '.join(map(str, _AT_ONCE))} pods at a time. Then {_SETTLE_S:.0f} s of quiet, and"
        f" {effort.rest_s / 2:.0f} s are measured; once more with a TCP readiness probe every second in each pod."
    )
    return Section(name="full", title="6. A full node", how=how, rows=rows)


async def _filled(made: BenchCluster, count: int, rest_s: float, more: dict[str, Any]) -> _Filled:
    """Fill the node, let it rest, and empty it again."""
    server = [made.pid("server.pid")]
    before = use(server)
    async with pod_watch(made) as watch:
        names = [f"full-{index}" for index in range(count)]
        began = time.monotonic()
        uids = [await _create(watch, name, more) for name in names]
        last = max([await watch.first(uid, "Running") for uid in uids])
        await asyncio.sleep(_SETTLE_S)
        start, at = use(server), time.monotonic()
        await asyncio.sleep(rest_s)
        after, elapsed = use(server), time.monotonic() - at
        for name in names:
            await watch.delete(name)
        for uid in uids:
            await watch.first(uid, "DELETED")
    return _Filled(last - began, before, after, (after.cpu_s - start.cpu_s) / elapsed)


async def _create(watch: PodWatch, name: str, more: dict[str, Any]) -> str:
    pod = manifest(name)
    pod["spec"] = {**pod["spec"], "containers": [{**each, **more} for each in pod["spec"]["containers"]]}
    return str((await watch.create(pod))["metadata"]["uid"])


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Stop the kubelet's process: it would collect the floor's sandboxes, which belong to no pod that it knows."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _floors(recorded: Recorded, count: int) -> dict[int, float]:
    """Return the seconds of the floor, by how many pods are made at a time."""
    await recorded.replay.open()
    try:
        return {at_once: await recorded.replay.run_many(count, at_once) for at_once in _AT_ONCE}
    finally:
        recorded.replay.close()
