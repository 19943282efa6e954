"""Figure 1: from the command ``podbay up`` to an API server that is ready, and to the first pod running."""

import asyncio
import contextlib
import shutil
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Final

from bench.cluster import BenchCluster, BenchError, cluster, kubia_archive, run
from bench.connection import open_connection, request
from bench.cri.record import record
from bench.cri.replay import Replay
from bench.figures import Effort
from bench.patience import patience
from bench.pod_watch import manifest, pod_watch
from bench.quantiles import median, paired_ratio
from bench.table import Row, Section, seconds
from podbay.cri.client import CriRuntime
from podbay.cri.runtime import RuntimeFailure
from podbay.lib.clock import RealClock
from podbay.standalone.cluster import ClusterError

_READY: Final = 1.0
_RUNNING: Final = 2.0
_LOOK_S: Final = 0.003
_PATIENCE_S: Final = 60.0
_WHY_READY: Final = (
    "Two interpreters start one after the other and import what they need: see the floor. Fewer imports would close it."
)
_WHY_RUNNING: Final = (
    "The server's start, containerd's and the pod's follow one another; more of them at once would close it."
)


@dataclass(slots=True)
class Times:
    """Seconds since the command began, one per start."""

    ready: list[float] = field(default_factory=list)
    up: list[float] = field(default_factory=list)
    running: list[float] = field(default_factory=list)


def measure(effort: Effort) -> Section:
    """Measure the figure."""
    with cluster("up") as made:
        made.up()
        made.import_image(kubia_archive())
        recorded = asyncio.run(record(made))
        new, again, imports, runtime = Times(), Times(), [], []
        for index in range(-1, effort.starts):  # the first warms everything up
            made.life("down")
            alone = asyncio.run(_runtime_alone(made, recorded.replay))
            fresh, back = Times(), Times()
            asyncio.run(_start(made, back))
            made.life("destroy")
            imported = _import_floor(made)
            asyncio.run(_start(made, fresh, with_import=True))
            if index >= 0:
                runtime.append(alone)
                imports.append(imported)
                for all_times, one in ((new, fresh), (again, back)):
                    all_times.ready += one.ready
                    all_times.up += one.up
                    all_times.running += one.running
    floor = f"{seconds(median(imports))} (Python importing the server)"
    rows = [
        Row(
            what="new cluster, `podbay up` to `/readyz` ok",
            ours=seconds(median(new.ready)),
            beside=floor,
            ratio=paired_ratio(new.ready, imports),
            goal="1 s",
            met=median(new.ready) <= _READY,
            why=_WHY_READY,
        ),
        Row(
            what="cluster that was down, `podbay up` to `/readyz` ok",
            ours=seconds(median(again.ready)),
            beside=floor,
            ratio=paired_ratio(again.ready, imports),
            goal="1 s",
            met=median(again.ready) <= _READY,
            why=_WHY_READY,
        ),
        Row(what="new cluster, `podbay up` to its end: the node is ready", ours=seconds(median(new.up))),
        Row(
            what="cluster that was down, image imported: to the first pod Running",
            ours=seconds(median(again.running)),
            beside=f"{seconds(median(runtime))} (containerd alone, and the pod's requests)",
            ratio=paired_ratio(again.running, runtime),
            goal="2 s",
            met=median(again.running) <= _RUNNING,
            why=_WHY_RUNNING,
        ),
        Row(
            what="new cluster, then `podbay image import`: to the first pod Running",
            ours=seconds(median(new.running)),
            beside=f"{seconds(median(runtime))} (containerd alone, and the pod's requests)",
            ratio=paired_ratio(new.running, runtime),
            goal="2 s",
            met=median(new.running) <= _RUNNING,
            why=_WHY_RUNNING,
        ),
    ]
    how = (
        f"Medians of {effort.starts} starts of each kind, in turn, with a warm disk. `/readyz` is asked every"
        f" {_LOOK_S * 1e3:.0f} ms; the pod is created as soon as the API server is ready (of a new cluster:"
        " when `up` and `image import` have ended), and its time ends when a watcher sees it Running."
    )
    return Section(name="up", title="1. A cluster's start", how=how, rows=rows)


async def _start(made: BenchCluster, times: Times, *, with_import: bool = False) -> None:
    """Start the cluster, and a pod as soon as one can be; take the times."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *made.command("up", "--name", made.name),
        env=made.environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    step = "the API server to be ready"
    async with patience(_PATIENCE_S, lambda: step):
        await _ready(made, process)
        times.ready.append(time.monotonic() - began)
        if with_import:
            step = "`up` to end, and the image"
            await _ended(process)
            times.up.append(time.monotonic() - began)
            await asyncio.to_thread(made.import_image, kubia_archive())
        step = "the first pod to run, and to be gone"
        async with pod_watch(made) as watch:
            uid = (await watch.create(manifest("first")))["metadata"]["uid"]
            times.running.append(await watch.first(uid, "Running") - began)
            await watch.delete("first")
            await watch.first(uid, "DELETED")
        if not with_import:
            step = "`up` to end"
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    _, said = await process.communicate()
    if process.returncode:
        raise BenchError(f"podbay up: {said.decode()}")


async def _ready(made: BenchCluster, process: asyncio.subprocess.Process) -> None:
    """Return when the API server says that it is ready."""
    while True:
        if process.returncode:
            await _ended(process)
        with contextlib.suppress(OSError, ClusterError):
            port = made.port
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()  # cheap while nobody listens
            connection = await open_connection(port, made.tls())
            try:
                status, _ = await connection.ask(request("GET", "/readyz"))
            finally:
                connection.close()
            if status == 200:
                return
        await asyncio.sleep(_LOOK_S)


async def _runtime_alone(made: BenchCluster, replay: Replay) -> float:
    """Start the cluster's containerd without podbay, and the recorded pod on it; return the seconds."""
    place = made.place.node(1)
    containerd = shutil.which("containerd")
    assert containerd is not None
    place.socket.unlink(missing_ok=True)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        containerd, "--config", str(place.state / "containerd.toml"), stderr=asyncio.subprocess.DEVNULL
    )
    runtime = CriRuntime(str(place.socket), RealClock())
    try:
        async with patience(_PATIENCE_S, lambda: "containerd alone to have its network"):
            while not await _has_network(runtime):
                await asyncio.sleep(_LOOK_S)
        started = time.monotonic() - began
        await replay.open()
        return started + await replay.run()
    finally:
        replay.close()
        await runtime.close()
        process.terminate()
        await process.wait()


async def _has_network(runtime: CriRuntime) -> bool:
    try:
        return (await runtime.info()).network_ready
    except RuntimeFailure:
        return False  # it does not listen yet


def _import_floor(made: BenchCluster) -> float:
    began = time.monotonic()
    run([sys.executable, "-c", "import podbay.standalone.server"], made.environment)
    return time.monotonic() - began
