"""``v5.channel.k8s.io`` over WebSocket, translated to the SPDY streams that the runtime speaks.

Takes the runtime's connection; gives the answer that joins a client's WebSocket to it. Carries stdin, stdout, stderr,
the final error Status and resizes.
Invariant: every byte of output reaches the client before the final Status closes the connection; a half-closed stdin
half-closes the runtime's.
Source: KEP-4006; RFC 6455.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import WSMsgType, web

from podbay.lib.tasks import TaskScope
from podbay.serving.takeover import Connection
from podbay.wire.http import Response
from podbay.wire.spdy import SpdyConnection

V5: Final = "v5.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_READ_BYTES: Final = 64 * 1024
_MOST_MESSAGE_BYTES: Final = 32 * 1024 * 1024


def bridge_channels(runtime: Connection, streams: Mapping[str, bool]) -> Response:
    """Answer with an upgrade to v5 that is joined to the runtime, which has accepted SPDY."""

    async def upgrade(connection: Any) -> None:
        socket = web.WebSocketResponse(protocols=(V5,), compress=False, max_msg_size=_MOST_MESSAGE_BYTES)
        try:
            await socket.prepare(connection)
            await _Bridge(socket, runtime, streams).run()
            await socket.close()
        finally:
            runtime.close()

    return Response(status=101, upgrade=upgrade)


class _Bridge:
    def __init__(self, socket: web.WebSocketResponse, runtime: Connection, streams: Mapping[str, bool]) -> None:
        self._socket = socket
        self._runtime = runtime
        self._spdy = SpdyConnection()
        self._ids: dict[int, int] = {}
        wanted = [("error", _ERROR, True)]
        wanted += [("stdin", _STDIN, streams.get("stdin", False)), ("stdout", _STDOUT, streams.get("stdout", False))]
        wanted += [("stderr", _STDERR, streams.get("stderr", False)), ("resize", _RESIZE, streams.get("resize", False))]
        for name, channel, is_wanted in wanted:
            if is_wanted:
                self._ids[channel] = self._spdy.open({"streamtype": name})
        self._channels = {stream: channel for channel, stream in self._ids.items()}
        self._open = {channel for channel in self._ids if channel in (_STDOUT, _STDERR, _ERROR)}

    async def run(self) -> None:
        """Carry until the runtime's streams have ended or the client has gone."""
        await self._flush()
        async with TaskScope() as scope:
            back = scope.start(self._from_runtime(), name="stream back")
            there = scope.start(self._from_client(), name="stream there")
            await asyncio.wait({back, there}, return_when=asyncio.FIRST_COMPLETED)

    async def _from_client(self) -> None:
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                data = message.data.encode()
            elif message.type == WSMsgType.BINARY:
                data = message.data
            else:
                return
            if not data:
                continue
            channel, payload = data[0], data[1:]
            if channel == _CLOSE:
                stream = self._ids.get(payload[0]) if payload else None
                if stream is not None:
                    self._spdy.send(stream, b"", end=True)
            elif channel in (_STDIN, _RESIZE) and channel in self._ids:
                self._spdy.send(self._ids[channel], payload)
            try:
                await self._flush()
            except OSError:
                return

    async def _from_runtime(self) -> None:
        while self._open:
            try:
                data = await self._runtime.reader.read(_READ_BYTES)
            except OSError:
                return
            if not data:
                return
            for received in self._spdy.receive(data):
                if received.stream == 0:
                    return
                channel = self._channels.get(received.stream)
                if channel is None:
                    continue
                if received.data:
                    try:
                        await self._socket.send_bytes(bytes([channel]) + received.data)
                    except (ConnectionError, RuntimeError):
                        return
                if received.ended:
                    self._open.discard(channel)
            self._runtime.writer.write(self._spdy.take())  # pongs; waiting for stdin to be taken would stop the output

    async def _flush(self) -> None:
        self._runtime.writer.write(self._spdy.take())
        await self._runtime.writer.drain()
