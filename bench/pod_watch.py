"""A client that makes pods and a watcher that sees what becomes of them: two open connections to the API server.

Takes a cluster; gives the moment (of the monotonic clock) at which a pod was asked for, seen Running, and seen gone.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from bench.cluster import ROOT, BenchCluster, BenchError
from bench.connection import Connection, open_connection, request
from bench.patience import patience
from podbay.wire import yaml

_PATIENCE_S: Final = 60.0
_PODS: Final = "/api/v1/namespaces/default/pods"
MANIFEST: Final = ROOT / "bench" / "kubia.yaml"


class PodWatch:
    """See the module."""

    def __init__(self, asking: Connection, watching: Connection) -> None:
        self._asking = asking
        self._watching = watching
        self._rest = b""
        self._first: dict[tuple[str, str], float] = {}
        self._news = asyncio.Event()
        self._is_over = False

    async def start(self) -> None:
        """Begin to watch. Raises BenchError."""
        target = f"{_PODS}?watch=true&resourceVersion=0"
        if await self._watching.follow(request("GET", target), self._came, self._ended) != 200:
            raise BenchError("the watch was refused")

    async def create(self, pod: dict[str, Any]) -> dict[str, Any]:
        """Create a pod. Raises BenchError."""
        status, body = await self._asking.ask(request("POST", _PODS, json.dumps(pod).encode()))
        if status != 201:
            raise BenchError(f"create pod: {status} {body.decode()}")
        made: dict[str, Any] = json.loads(body)
        return made

    async def delete(self, name: str) -> None:
        """Begin to delete a pod. Raises BenchError."""
        options = b'{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":1}'
        status, body = await self._asking.ask(request("DELETE", f"{_PODS}/{name}", options))
        if status not in (200, 202):
            raise BenchError(f"delete pod: {status} {body.decode()}")

    async def first(self, uid: str, what: str, *, patience_s: float = _PATIENCE_S) -> float:
        """Return when a pod was first seen in a phase, or ``DELETED``. Raises BenchError."""
        async with patience(patience_s, lambda: f"pod {uid} to be {what}, seen {self._seen(uid)}"):
            while (uid, what) not in self._first:
                if self._is_over:
                    raise BenchError(f"the watch ended before pod {uid} was {what}, seen {self._seen(uid)}")
                self._news.clear()
                await self._news.wait()
        return self._first[uid, what]

    def _ended(self) -> None:
        self._is_over = True
        self._news.set()

    def _seen(self, uid: str) -> str:
        return ", ".join(what for of, what in self._first if of == uid) or "nothing"

    def _came(self, data: bytes, now: float) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(b"{"):
                continue  # a chunk's length
            frame = json.loads(line)
            pod = frame["object"]
            uid = pod["metadata"].get("uid", "")
            what = "DELETED" if frame["type"] == "DELETED" else pod.get("status", {}).get("phase", "")
            self._first.setdefault((uid, what), now)
        self._news.set()


@contextlib.asynccontextmanager
async def pod_watch(cluster: BenchCluster) -> AsyncIterator[PodWatch]:
    """Connect and watch for as long as the block."""
    tls = cluster.tls()
    asking, watching = await open_connection(cluster.port, tls), await open_connection(cluster.port, tls)
    watch = PodWatch(asking, watching)
    try:
        await watch.start()
        yield watch
    finally:
        asking.close()
        watching.close()


def manifest(name: str, path: Path = MANIFEST) -> dict[str, Any]:
    """Return the benchmarks' pod under a name."""
    (pod,) = yaml.load_all(path.read_text())
    return {**pod, "metadata": {**pod["metadata"], "name": name}}
