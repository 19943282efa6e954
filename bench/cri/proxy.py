"""Stands between podbay and containerd on the unix socket and records every request with its times.

Takes a running cluster; moves containerd's socket aside and listens in its place, so podbay needs no hook. Messages
pass as bytes: what is recorded is what was sent.
Invariant: leaving ``recording`` puts containerd's socket back.
Source: https://github.com/kubernetes/cri-api (runtime/v1).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream

from podbay.cri.proto import runtime_pb2

_IMAGES: Final = ("ImageFsInfo", "ImageStatus", "ListImages", "PullImage", "RemoveImage")
_EVENTS: Final = "/containerd.services.events.v1.Events/Subscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its answer; ``began_s`` and ``ended_s`` are of the machine's monotonic clock."""

    path: str
    request: bytes
    answer: bytes
    began_s: float
    ended_s: float

    @property
    def method(self) -> str:
        """Return the method's name."""
        return self.path.rpartition("/")[2]


class Bytes(CodecBase):
    """Messages as they are."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """Return the bytes."""
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        """Return the bytes."""
        return data


def method_paths() -> list[str]:
    """Return the paths of every CRI method that podbay has messages for."""
    names = [name.removesuffix("Request") for name in runtime_pb2.DESCRIPTOR.message_types_by_name]
    known = [name for name in names if f"{name}Request" in runtime_pb2.DESCRIPTOR.message_types_by_name]
    return [f"/runtime.v1.{'Image' if name in _IMAGES else 'Runtime'}Service/{name}" for name in sorted(set(known))]


class Proxy:
    """A server whose every method asks containerd."""

    def __init__(self, behind: Path) -> None:
        self.calls: list[Call] = []
        self._channel = Channel(path=str(behind), codec=Bytes())

    def __mapping__(self) -> Mapping[str, Handler]:
        """Return grpclib's table of methods."""
        unary = {path: Handler(self._unary(path), Cardinality.UNARY_UNARY, bytes, bytes) for path in method_paths()}
        events = Handler(self._subscribe, Cardinality.UNARY_STREAM, bytes, bytes)
        return {**unary, _EVENTS: events}

    def close(self) -> None:
        """Close the connection to containerd."""
        self._channel.close()

    def _unary(self, path: str) -> Any:
        ask: Any = UnaryUnaryMethod(self._channel, path, bytes, bytes)

        async def answer(stream: Stream[Any, Any]) -> None:
            request = await stream.recv_message()
            assert request is not None
            began = time.monotonic()
            reply = await ask(request)
            self.calls.append(Call(path=path, request=request, answer=reply, began_s=began, ended_s=time.monotonic()))
            await stream.send_message(reply)

        return answer

    async def _subscribe(self, stream: Stream[Any, Any]) -> None:
        request = await stream.recv_message()
        method: Any = UnaryStreamMethod(self._channel, _EVENTS, bytes, bytes)
        async with method.open(metadata={"containerd-namespace": "k8s.io"}) as behind:
            await behind.send_message(request, end=True)
            async for message in behind:
                await stream.send_message(message)


@contextlib.asynccontextmanager
async def recording(socket: Path) -> AsyncIterator[Proxy]:
    """Listen in containerd's place for as long as the block. podbay must connect inside it."""
    behind = socket.with_suffix(".behind")
    await asyncio.to_thread(socket.rename, behind)  # containerd goes on listening on it under the new name
    proxy = Proxy(behind)
    server = Server([proxy], codec=Bytes())
    try:
        await server.start(path=str(socket))
        yield proxy
    finally:
        server.close()
        proxy.close()
        await server.wait_closed()
        await asyncio.to_thread(behind.replace, socket)
