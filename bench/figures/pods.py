"""Figure 2: from a pod's creation until it runs, on a warm cluster, beside the container runtime alone.

First one pod is made with a recorder between podbay and containerd; then pods are made by podbay, and the recorded
requests are played to the same containerd, in turn.
"""

import asyncio
import time
from typing import Final

from bench import podman
from bench.cluster import BenchCluster, BenchError, cluster, kubia_archive
from bench.cri.record import Recorded, delete, record
from bench.cri.replay import ESSENTIAL
from bench.figures import Effort
from bench.pod_watch import MANIFEST, manifest, pod_watch
from bench.quantiles import median, quantile
from bench.table import Row, Section, seconds

_GOAL: Final = 1.2
_WHY: Final = (
    "What podbay adds is its own way around the requests: create, schedule, bind and two status writes, each a durable"
    " commit, and the kubelet's work between the requests, with one processor shared by all of it."
)


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    with cluster("pods") as made:
        made.up()
        made.import_image(kubia_archive())
        recorded = asyncio.run(record(made))
        times = asyncio.run(_measured(made, recorded, effort.pods))
        plays, refused = _podman(made, effort)
    ours, floor, essential = times
    ratio = median(ours) / median(floor)
    before, after = recorded.around()
    rows = [
        Row(
            what="create to Running, p50",
            ours=seconds(median(ours)),
            beside=f"{seconds(median(floor))} (the same CRI requests)",
            ratio=ratio,
            goal="1.2",
            met=ratio <= _GOAL,
            why=_WHY,
        ),
        Row(
            what=f"create to Running, p99 of {len(ours)}",
            ours=seconds(quantile(ours, 0.99)),
            beside=f"{seconds(quantile(floor, 0.99))} (the same CRI requests)",
            ratio=quantile(ours, 0.99) / quantile(floor, 0.99),
        ),
        Row(
            what="create to Running, p50, beside the three requests that no pod is without",
            ours=seconds(median(ours)),
            beside=f"{seconds(median(essential))} ({', '.join(ESSENTIAL)})",
            ratio=median(ours) / median(essential),
        ),
        Row(
            what="`podman kube play` of the same YAML, p50",
            ours=seconds(median(ours)),
            beside=f"{seconds(median(plays))} (podman)" if plays else f"not measured: {refused}",
            ratio=median(ours) / median(plays) if plays else None,
        ),
    ]
    how = (
        f"{len(ours)} pods, one after the other, each deleted before the next: from the request that creates"
        " it, sent over an open connection, until a watcher on another one is told `Running`. In turn with"
        " them, the CRI requests that podbay sent for such a pod, recorded on containerd's socket, are played"
        " to the same containerd over one open channel, each as soon as those have been answered that had"
        f" been answered when podbay sent it: {recorded.summary()}."
    )
    remark = (
        f"In the recorded run {seconds(before)} passed before the pod's first CRI request and {seconds(after)}"
        " after the last one that was answered before it was seen running."
    )
    return Section(name="pods", title="2. A pod's start", how=how, rows=rows, remarks=[remark])


async def _measured(made: BenchCluster, recorded: Recorded, count: int) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds of podbay's pods, of the replays, and of some replays of the essential requests only."""
    ours: list[float] = []
    floor: list[float] = []
    essential: list[float] = []
    socket = made.place.node(1).socket
    replay = recorded.replay
    await replay.open()
    async with pod_watch(made) as watch:
        for index in range(-2, count):  # the first two warm everything up
            name = f"kubia-{index + 2}"
            asked = time.monotonic()
            uid = (await watch.create(manifest(name)))["metadata"]["uid"]
            took = await watch.first(uid, "Running") - asked
            await delete(watch, name, uid, socket)
            alone = await replay.run()
            if index >= 0:
                ours.append(took)
                floor.append(alone)
            if index % 5 == 0:
                essential.append(await replay.run(only=ESSENTIAL))
    replay.close()
    return ours, floor, essential


def _podman(made: BenchCluster, effort: Effort) -> tuple[list[float], str]:
    """Return the seconds of podman's pods, or none and the reason."""
    refused = podman.available(install=effort.install_podman)
    if refused:
        return [], refused
    try:
        with podman.podman(made.directory / "podman", made.environment, kubia_archive()) as peer:
            peer.play(MANIFEST)  # warm
            return [peer.play(MANIFEST) for _ in range(effort.podman_pods)], ""
    except BenchError as error:
        return [], str(error).splitlines()[-1][-100:]
