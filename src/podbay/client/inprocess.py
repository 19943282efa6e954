"""The transport within one process: a handler is called with the bytes that a socket would have carried.

Takes a handler and the identity that the peer's certificate would give. Carries method, target, headers and bytes,
never Python objects. A stream's buffer is bounded, and a reader that is too slow is cut off as on a socket.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final, Self

from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.tasks import TaskScope
from podbay.wire.http import Handler, PeerCertificate, Request, Response

_BUFFER_BYTES: Final = 64 * 1024 * 1024


class InProcessTransport:
    """See the module."""

    def __init__(self, handler: Handler, peer: PeerCertificate, activity: Activity | None = None) -> None:
        self._handler = handler
        self._peer = peer
        self._activity = activity or Activity()
        self._scope = TaskScope()
        self._closed = False

    async def send(self, request: Request) -> Response:
        """Call the handler. A stream is pumped into a bounded buffer."""
        if self._closed:
            raise TransportError("the transport is closed")
        response = await self._handler(replace(request, peer=self._peer, remote="127.0.0.1"))
        if response.stream is not None:
            buffer = _Buffer(self._activity)
            self._scope.start(buffer.pump(response.stream), name="stream pump")
            return Response(status=response.status, headers=response.headers, stream=buffer)
        return response

    async def close(self) -> None:
        """End every stream."""
        self._closed = True
        await self._scope.close()


class _Buffer:
    """What was sent and not yet read; while there is something, there is work in hand."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._chunks: list[bytes] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._stopped = asyncio.Event()
        self._held = False

    async def pump(self, stream: AsyncIterator[bytes]) -> None:
        """Read the handler's stream until it ends, is closed by the reader, or is too far ahead of it."""
        try:
            async with TaskScope() as scope:
                reading = scope.start(self._read(stream), name="stream read")
                stopped = scope.start(self._stopped.wait(), name="stream stop")
                await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
            self._end()

    async def _read(self, stream: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in stream:
                if self._stopped.is_set() or self._size + len(chunk) > _BUFFER_BYTES:
                    return
                self._chunks.append(chunk)
                self._size += len(chunk)
                self._hold()
        finally:
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._hold()  # that it has ended is news, too

    def _hold(self) -> None:
        if not self._held and not self._stopped.is_set():
            self._held = True
            self._activity.begin("stream")
        self._changed.set()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._activity.end("stream")

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return what was sent; work in hand ends when the reader comes back for more."""
        while not self._chunks:
            self._release()
            if self._ended:
                raise StopAsyncIteration
            await self._changed.wait()
            self._changed.clear()
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        return chunk

    async def aclose(self) -> None:
        """Tell the handler that nobody reads any more; what was not read is lost."""
        self._stopped.set()
        self._ended = True
        self._changed.set()
        self._chunks.clear()
        self._release()
