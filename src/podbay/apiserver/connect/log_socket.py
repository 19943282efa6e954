"""A log over WebSocket: what a browser asks for, which cannot read an HTTP stream as it comes.

Takes a kubelet's stream of bytes and a client's request for an upgrade; gives a response that sends the bytes as
messages, binary or as base64 text, and closes. The client's own messages are read and thrown away.
Invariant: the first message is empty, as upstream's is; the stream is closed whichever side ends first.
Source: upstream's ``wsstream`` reader (protocols ``binary.k8s.io`` and ``base64.binary.k8s.io``).
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from aiohttp import web

from podbay.lib.tasks import TaskScope
from podbay.wire.http import Request, Response

_BINARY: Final = "binary.k8s.io"
_BASE64: Final = "base64.binary.k8s.io"
_TEXT: Final = [("Content-Type", "text/plain")]


class ClosableStream(Protocol):
    """A stream of bytes that holds something which must be let go."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the stream itself."""

    async def aclose(self) -> None:
        """Let go of it."""


def asks_for_socket(request: Request) -> bool:
    """Say whether a client wants to go on in WebSocket."""
    return request.headers.get("Upgrade").lower() == "websocket"


async def answer_in_messages(request: Request, stream: ClosableStream) -> Response:
    """Answer with an upgrade that carries a stream, or with 403 if the client offers only protocols that are not ours.

    Cancelling closes both sides.
    """
    offered = [word.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for word in value.split(",")]
    chosen = next((protocol for protocol in offered if protocol in (_BINARY, _BASE64)), "")
    if offered and not chosen:
        await stream.aclose()
        return Response(status=403, headers=list(_TEXT), body=b"requested protocol(s) are not supported")

    async def upgrade(connection: Any) -> None:
        socket = web.WebSocketResponse(protocols=(chosen,) if chosen else (), compress=False)
        try:
            await socket.prepare(connection)
            await socket.send_bytes(b"")
            async with TaskScope() as scope:
                sending = scope.start(_send(socket, stream, as_text=chosen == _BASE64), name="log messages")
                hearing = scope.start(_hear(socket), name="log listener")
                await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            await socket.close()
        finally:
            await stream.aclose()

    return Response(status=101, upgrade=upgrade)


async def _send(socket: web.WebSocketResponse, stream: ClosableStream, *, as_text: bool) -> None:
    try:
        async for part in stream:
            if as_text:
                await socket.send_str(base64.b64encode(part).decode())
            else:
                await socket.send_bytes(part)
    except (ConnectionError, RuntimeError):
        return  # the client has gone


async def _hear(socket: web.WebSocketResponse) -> None:
    """Return when the client closes; aiohttp answers its pings only while somebody reads."""
    async for _ in socket:
        pass
