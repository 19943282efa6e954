"""Follows the streams of some servers from many connections; prints when each event came to each connection.

The task: ``pki``, and ``servers``, each with ``port``, ``target`` and ``clients``. Prints ``true`` when all are
connected; for each line on standard input, ``NAME MARK COUNT``, waits until COUNT connections of the server NAME have
seen MARK, and prints the moments (of the machine's monotonic clock) at which they did.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from bench.cluster import client_tls
from bench.connection import Connection, open_connection, request
from bench.patience import patience

_EVENT_S: Final = 30.0
_AT_ONCE: Final = 16  # handshakes under way: more would only wait in the server's backlog


class Audience:
    """The connections to one server, and what they saw last."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self._seen: dict[bytes, list[float]] = {}
        self._news = asyncio.Event()

    async def join(self, port: int, target: str, tls: Any) -> None:
        """Connect once more and follow. Raises OSError, RuntimeError."""
        connection = await open_connection(port, tls)
        self.connections.append(connection)
        status = await connection.follow(request("GET", target), self._came)
        if status != 200:
            raise RuntimeError(f"{target}: {status}")

    async def saw(self, mark: bytes, count: int) -> list[float]:
        """Return when the connections saw a mark, once that many did. Raises BenchError."""
        async with patience(_EVENT_S, lambda: f"{mark.decode()} to come to {count} connections"):
            while len(self._seen.get(mark, ())) < count:
                self._news.clear()
                await self._news.wait()
        return self._seen.pop(mark)

    def _came(self, data: bytes, now: float) -> None:
        at = data.find(b"mark-")
        if at >= 0:
            mark = data[at : at + 11]
            self._seen.setdefault(mark, []).append(now)
            self._news.set()


async def follow(task: dict[str, Any]) -> None:
    """Run a task until standard input ends."""
    tls = client_tls(Path(task["pki"]))
    audiences: dict[str, Audience] = {}
    limit = asyncio.Semaphore(_AT_ONCE)

    async def join(audience: Audience, server: dict[str, Any]) -> None:
        async with limit:
            await audience.join(server["port"], server["target"], tls)

    async with asyncio.TaskGroup() as group:
        for name, server in task["servers"].items():
            audiences[name] = Audience()
            for _ in range(server["clients"]):
                group.create_task(join(audiences[name], server))
    print("true", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        name, mark, count = line.decode().split()
        moments = await audiences[name].saw(mark.encode(), int(count))
        print(json.dumps(moments), flush=True)


if __name__ == "__main__":
    asyncio.run(follow(json.loads(sys.argv[1])))
