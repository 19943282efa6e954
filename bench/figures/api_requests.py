"""GET, LIST and CREATE: how many a second, and how long each takes, beside a bare server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.cluster import BenchCluster, BenchError
from bench.connection import open_connection, request
from bench.figures import Effort
from bench.pod_watch import manifest
from bench.quantiles import median, quantile
from bench.table import Row, seconds
from bench.workers import measured, worker

PODS: Final = "/api/v1/namespaces/stored/pods"
_LOAD: Final = "bench.load.requests"
_CREATORS: Final = 64
_ALONE: Final = 50  # requests of one client in a round
_READERS: Final = 16


@dataclass(slots=True)
class Taken:
    """What one side of a comparison took."""

    took_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    def add(self, found: Mapping[str, Any]) -> None:
        """Take one round."""
        self.took_s += found["took_s"]
        self.elapsed_s += found["elapsed_s"]

    def __str__(self) -> str:
        rate = len(self.took_s) / self.elapsed_s
        shown = f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
        return f"{shown}, p50 {seconds(median(self.took_s))}, p99 {seconds(quantile(self.took_s, 0.99))}"


async def request_rows(made: BenchCluster, effort: Effort) -> tuple[list[Row], int]:
    """Measure; return the lines, and how many bytes the list has. Leaves the pods stored."""
    floor: dict[str, Any] = {"pki": str(made.place.pki), "directory": str(made.place.state), "answers": {}}
    rows = []
    async with worker("bench.floor_server", floor, made.environment) as server:
        port = await server.line()
        body = json.dumps(unscheduled("stored-{n}"))
        create = {"method": "POST", "target": PODS, "body": body, "status": 201, "seconds": 60}
        each = effort.stored_pods // effort.rounds
        alone = {**create, "clients": 1, "count": _ALONE}
        many = {**create, "clients": _CREATORS, "count": each - _ALONE}
        rows.append(await _row("durable CREATE of a pod, 1 client", made, port, alone, rounds=effort.rounds))
        rows.append(await _row(f"durable CREATE of a pod, {_CREATORS} clients", made, port, many, rounds=effort.rounds))
    one, answers = await _answers(made)
    floor["answers"] = {target: str(path) for target, path in answers.items()}
    async with worker("bench.floor_server", floor, made.environment) as server:
        port = await server.line()
        read = {"method": "GET", "status": 200, "seconds": effort.round_s}
        for what, target, clients in (
            ("GET one pod, 1 client", one, 1),
            (f"GET one pod, {_READERS} clients", one, _READERS),
            (f"LIST {effort.stored_pods} pods, 1 client", PODS, 1),
        ):
            rows.append(
                await _row(what, made, port, {**read, "target": target, "clients": clients}, rounds=effort.rounds)
            )
    return rows, answers[PODS].stat().st_size


def unscheduled(name: str) -> dict[str, Any]:
    """Return a pod that no scheduler takes, so that it is only stored."""
    pod = manifest(name)
    return {**pod, "spec": {**pod["spec"], "schedulerName": "nobody"}}


async def _row(what: str, made: BenchCluster, floor_port: int, task: Mapping[str, Any], *, rounds: int) -> Row:
    ours, bare = Taken(), Taken()
    task = {**task, "pki": str(made.place.pki)}
    for _ in range(rounds):
        ours.add(await measured(_LOAD, {**task, "port": made.port}, made.environment))
        bare.add(await measured(_LOAD, {**task, "port": floor_port}, made.environment))
    return Row(what=what, ours=str(ours), beside=str(bare), ratio=median(ours.took_s) / median(bare.took_s))


async def _answers(made: BenchCluster) -> tuple[str, Mapping[str, Path]]:
    """Return the target of one pod, and the bodies of its GET and of the LIST, as files."""
    connection = await open_connection(made.port, made.tls())
    found: dict[str, Path] = {}
    _, listed = await connection.ask(request("GET", f"{PODS}?limit=1"))
    one = f"{PODS}/{json.loads(listed)['items'][0]['metadata']['name']}"
    for index, target in enumerate((one, PODS)):
        status, body = await connection.ask(request("GET", target))
        if status != 200:
            raise BenchError(f"GET {target}: {status}")
        found[target] = made.directory / f"answer-{index}"
        found[target].write_bytes(body)
    connection.close()
    return one, found
