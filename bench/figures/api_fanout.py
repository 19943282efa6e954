"""One change to many watchers: when each of them has it, beside a bare server that writes the same bytes to as many."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any, Final

from bench.cluster import BenchCluster, BenchError
from bench.connection import Connection, open_connection, request
from bench.figures import Effort
from bench.quantiles import median, quantile
from bench.table import Row, seconds
from bench.workers import Worker, worker

_MAPS: Final = "/api/v1/namespaces/stored/configmaps"
_GROUPS: Final = 2  # processes that watch
_PAUSE_S: Final = 0.05
_MERGE: Final = "application/merge-patch+json"


async def fanout_rows(made: BenchCluster, effort: Effort) -> list[Row]:
    """Measure; return the lines."""
    asking = await open_connection(made.port, made.tls())
    frame = await _make_map(asking)
    each = effort.watchers // _GROUPS
    floor = {"pki": str(made.place.pki), "directory": str(made.place.state), "answers": {}}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(worker("bench.floor_server", floor, made.environment))
        port = await server.line()
        bare = await open_connection(port, made.tls())
        watch = f"{_MAPS}?watch=true&fieldSelector=metadata.name%3Dnews"
        servers = {
            "podbay": {"port": made.port, "target": watch, "clients": each},
            "floor": {"port": port, "target": "/stream", "clients": each},
        }
        task = {"pki": str(made.place.pki), "servers": servers}
        groups = [
            await stack.enter_async_context(worker("bench.load.watchers", task, made.environment))
            for _ in range(_GROUPS)
        ]
        await asyncio.gather(*(group.line() for group in groups))
        took: dict[str, list[float]] = {"podbay": [], "floor": []}
        last: dict[str, list[float]] = {"podbay": [], "floor": []}
        for index in range(effort.events):
            mark = f"mark-{index + 1:06}"
            change = json.dumps({"data": {"mark": mark}}).encode()
            for name, connection, sent in (
                ("podbay", asking, request("PATCH", f"{_MAPS}/news", change, _MERGE)),
                ("floor", bare, request("PUT", "/stream", frame.replace(b"mark-000000", mark.encode()))),
            ):
                delays = await _event(connection, sent, groups, f"{name} {mark} {each}")
                took[name] += delays
                last[name].append(max(delays))
                await asyncio.sleep(_PAUSE_S)
        asking.close()
        bare.close()
    shown = {name: _shown(took[name], last[name], effort.watchers) for name in took}
    return [
        Row(
            what=f"one event to {effort.watchers} watchers",
            ours=shown["podbay"],
            beside=shown["floor"],
            ratio=median(took["podbay"]) / median(took["floor"]),
        )
    ]


async def _event(connection: Connection, sent: bytes, groups: list[Worker], question: str) -> list[float]:
    """Send one change; return how long it took to each watcher."""
    for group in groups:
        group.tell(question)
    began = time.monotonic()
    status, body = await connection.ask(sent)
    if status != 200:
        raise BenchError(f"change: {status} {body.decode()}")
    answers = await asyncio.gather(*(group.line() for group in groups))
    return [moment - began for moments in answers for moment in moments]


def _shown(took: list[float], last: list[float], watchers: int) -> str:
    rate = watchers / median(last)
    return f"{rate:.0f} deliveries/s, p50 {seconds(median(took))}, p99 {seconds(quantile(took, 0.99))}"


async def _make_map(asking: Connection) -> bytes:
    """Make the object that changes; return the frame that tells of its change."""
    body: dict[str, Any] = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "news"}, "data": {"mark": "mark-000000"},
    }  # fmt: skip
    status, made = await asking.ask(request("POST", _MAPS, json.dumps(body).encode()))
    if status != 201:
        raise BenchError(f"create config map: {status} {made.decode()}")
    return b'{"type":"MODIFIED","object":%b}\n' % made
