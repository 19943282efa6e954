"""Port-forward through a WebSocket: SPDY bytes in binary messages, copied to the runtime as they are.

Takes the runtime's connection; gives the answer that joins a client's WebSocket to it. Message boundaries mean nothing.
Invariant: memory stays steady, because each side is only read while the other takes.
Source: KEP-4006 (``SPDY/3.1+portforward.k8s.io``).
"""

import asyncio
from typing import Any, Final

from aiohttp import WSMsgType, web

from podbay.lib.tasks import TaskScope
from podbay.serving.takeover import Answer, Connection
from podbay.wire.http import Response

TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_READ_BYTES: Final = 64 * 1024
_MOST_MESSAGE_BYTES: Final = 32 * 1024 * 1024


def bridge_tunnel(answer: Answer) -> Response:
    """Answer with an upgrade to the tunnel that is joined to the runtime."""
    runtime = answer.connection

    async def upgrade(connection: Any) -> None:
        socket = web.WebSocketResponse(protocols=(TUNNEL,), compress=False, max_msg_size=_MOST_MESSAGE_BYTES)
        try:
            await socket.prepare(connection)
            async with TaskScope() as scope:
                there = scope.start(_there(socket, runtime), name="tunnel there")
                back = scope.start(_back(runtime, socket), name="tunnel back")
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            await socket.close()
        finally:
            runtime.close()

    return Response(status=101, upgrade=upgrade)


async def _there(socket: web.WebSocketResponse, runtime: Connection) -> None:
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            return
        try:
            runtime.writer.write(message.data)
            await runtime.writer.drain()
        except OSError:
            return


async def _back(runtime: Connection, socket: web.WebSocketResponse) -> None:
    while True:
        try:
            data = await runtime.reader.read(_READ_BYTES)
            if not data:
                return
            await socket.send_bytes(data)
        except (OSError, RuntimeError):
            return
