"""An API server on a memory store and a moved clock, and a client that speaks as anybody."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.lib.clock import ManualClock
from podbay.store.memory import MemoryStore
from podbay.wire import json
from podbay.wire.http import Headers, PeerCertificate, Request, Response

ADMIN = PeerCertificate("admin", ("system:masters",))
PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


def pod(name: str, *, labels: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(labels or {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": "i"}], **spec},
    }


def config_map(name: str, *, labels: Mapping[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(labels or {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Frames:
    """The events of a watch, one at a time."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._lines: list[bytes] = []

    async def next(self) -> dict[str, Any]:
        """Return the next event; StopAsyncIteration at the end of the watch."""
        while not self._lines:
            async with asyncio.timeout(5):
                self._lines = (await anext(self._stream)).splitlines()
        found: dict[str, Any] = json.decode(self._lines.pop(0))
        return found

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Return types and names of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


class Api:
    """A server and its clock; every call checks the status that it expects."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.server = ApiServer(self.store, self.clock, ApiServerConfig())
        self._streams: list[AsyncIterator[bytes]] = []

    async def send(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        peer: PeerCertificate | None = ADMIN,
        media: str = "application/json",
        accept: str = "application/json",
        bearer: str = "",
    ) -> Response:
        who = [("Authorization", f"Bearer {bearer}")] if bearer else []
        headers = Headers([("Content-Type", media), ("Accept", accept), *who])
        peer = None if bearer else peer
        data = body if isinstance(body, bytes) else b"" if body is None else json.encode(body)
        return await self.server.handle(Request(method=method, target=target, headers=headers, body=data, peer=peer))

    async def call(self, method: str, target: str, body: object = None, *, status: int = 200, **how: Any) -> Any:
        """Send and return the decoded answer, whose status must be the given one."""
        response = await self.send(method, target, body, **how)
        assert response.status == status, response.body
        assert response.stream is None
        return json.decode(response.body)

    async def create(self, target: str, obj: object) -> Any:
        return await self.call("POST", target, obj, status=201)

    async def watch(self, target: str, **how: Any) -> Frames:
        response = await self.send("GET", target, **how)
        assert response.status == 200, response.body
        assert response.stream is not None
        self._streams.append(response.stream)
        return Frames(response.stream)

    async def close(self) -> None:
        for stream in self._streams:
            await stream.aclose()  # type: ignore[attr-defined]  # every stream here is a generator
        await self.server.close()
        await self.store.close()
