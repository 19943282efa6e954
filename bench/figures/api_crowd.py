"""How the API server answers while thousands of pods are listed, many run, and an image is imported."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any, Final

from bench.cluster import BenchCluster, BenchError
from bench.connection import open_connection, request
from bench.figures import Effort
from bench.figures.api_requests import PODS, Taken
from bench.pod_watch import manifest, pod_watch
from bench.quantiles import median, quantile
from bench.table import Row, seconds
from bench.workers import measured, worker
from podbay.standalone.images.layer import ImageRecipe, build

_LOAD: Final = "bench.load.requests"
_AT_ONCE: Final = 8  # pods that are being started
_EVERY_S: Final = 0.02
_LOOK_S: Final = 0.05
_IMAGE_BYTES: Final = 64 * 1024 * 1024
_LAG: Final = re.compile(rb"^podbay_event_loop_lag_seconds ([0-9.e+-]+)$", re.MULTILINE)


async def crowd_rows(made: BenchCluster, effort: Effort) -> list[Row]:
    """Measure; return the lines."""
    await _run_pods(made, effort.running_pods)
    archive = made.directory / "big.tar"
    await asyncio.to_thread(_build_image, archive)
    answer = made.directory / "answer-0"
    target = "/one"
    floor = {"pki": str(made.place.pki), "directory": str(made.place.state), "answers": {target: str(answer)}}
    name = json.loads(answer.read_bytes())["metadata"]["name"]
    get = {
        "pki": str(made.place.pki), "clients": 1, "method": "GET", "status": 200, "seconds": effort.mixed_s,
        "every_s": _EVERY_S,
    }  # fmt: skip
    lists = {"pki": get["pki"], "clients": 1, "method": "GET", "status": 200, "seconds": effort.mixed_s, "target": PODS}
    async with worker("bench.floor_server", floor, made.environment) as server:
        port = await server.line()
        found = await asyncio.gather(
            measured(_LOAD, {**get, "port": made.port, "target": f"{PODS}/{name}"}, made.environment),
            measured(_LOAD, {**get, "port": port, "target": target}, made.environment),
            measured(_LOAD, {**lists, "port": made.port}, made.environment),
            _lags(made, effort.mixed_s),
            _import(made, archive),
        )
    ours, bare, listed = Taken(), Taken(), Taken()
    for taken, what in zip((ours, bare, listed), found[:3], strict=True):
        taken.add(what)
    lags: list[float] = found[3]
    during = f"while {effort.stored_pods} pods are listed, {effort.running_pods} run and an image of 64 MB is imported"
    worst = quantile(ours.took_s, 0.99)
    return [
        Row(
            what=f"GET one pod, {during}",
            ours=_times(ours.took_s),
            beside=_times(bare.took_s),
            ratio=worst / quantile(bare.took_s, 0.99),
        ),
        Row(what="the loop's lag meanwhile, as /metrics tells it", ours=_times(lags)),
        Row(what="the lists meanwhile", ours=str(listed)),
        Row(what="the import meanwhile", ours=seconds(found[4])),
    ]


def _times(values: list[float]) -> str:
    return f"p50 {seconds(median(values))}, p99 {seconds(quantile(values, 0.99))}, most {seconds(max(values))}"


async def _run_pods(made: BenchCluster, count: int) -> None:
    """Start pods, and return when all run."""
    limit = asyncio.Semaphore(_AT_ONCE)
    async with pod_watch(made) as watch:
        creating = asyncio.Lock()

        async def start(index: int) -> None:
            async with limit:
                async with creating:
                    uid = (await watch.create(manifest(f"running-{index}")))["metadata"]["uid"]
                await watch.first(uid, "Running")

        async with asyncio.TaskGroup() as group:
            for index in range(count):
                group.create_task(start(index))


async def _lags(made: BenchCluster, seconds_: float) -> list[float]:
    """Return what the server says of its event loop's turns, asked again and again."""
    connection = await open_connection(made.port, made.tls())
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds_
    found = []
    while loop.time() < deadline:
        status, body = await connection.ask(request("GET", "/metrics"))
        lag: Any = _LAG.search(body)
        if status != 200 or lag is None:
            raise BenchError(f"GET /metrics: {status}")
        found.append(float(lag[1]))
        await asyncio.sleep(_LOOK_S)
    connection.close()
    return found


async def _import(made: BenchCluster, archive: Path) -> float:
    began = asyncio.get_running_loop().time()
    await asyncio.to_thread(made.import_image, archive)
    return asyncio.get_running_loop().time() - began


def _build_image(archive: Path) -> None:
    recipe = ImageRecipe(name="docker.io/bench/big:latest", files={"blob": os.urandom(_IMAGE_BYTES)}, command=["/blob"])
    build(recipe, archive)
