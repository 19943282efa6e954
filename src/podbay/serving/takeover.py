"""Connections that stop being HTTP: taken from aiohttp, spoken raw, and joined to another one.

Takes the door's own request object and the other side's connection; carries bytes both ways. ``open_upgraded`` makes
the other side: it asks a server for an upgrade and gives the connection.
Invariant: memory stays steady whatever flows, because a side is only read while the other takes; when the pipe ends,
both connections are closed, and what was taken from one side is still sent to the other.
Source: RFC 9110 section 7.8.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from podbay.lib.tasks import TaskScope

_CHUNK_BYTES: Final = 64 * 1024
_HEAD_LIMIT_BYTES: Final = 64 * 1024
_CONNECT_S: Final = 10.0
_HEAD_S: Final = 30.0
_LINGER_S: Final = 5.0  # how long what a lost peer had sent may take to reach the other side


@dataclass(frozen=True, slots=True)
class Connection:
    """A two-way stream of bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Close at once; what is still buffered is sent first."""
        self.writer.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to a request for an upgrade: 101 and raw bytes from now on, or a refusal."""

    connection: Connection
    head: bytes
    status: int

    def field(self, name: str) -> str:
        """Return a header field, empty if it is not there."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return ""

    async def refusal(self, *, limit_bytes: int = 64 * 1024) -> bytes:
        """Return the body of a refusal, as far as it comes in time, and close the connection."""
        body = b""
        length = min(int(self.field("Content-Length") or limit_bytes), limit_bytes)
        try:
            async with asyncio.timeout(_CONNECT_S):
                while len(body) < length:
                    part = await self.connection.reader.read(length - len(body))
                    if not part:
                        break
                    body += part
        except (OSError, TimeoutError):
            pass  # the status says enough
        finally:
            self.connection.close()
        return body


async def hand_over(request: Any, head: bytes, other: Connection) -> None:
    """Take a request's connection away from aiohttp, write the upgrade's head, and join it to another one.

    Returns when both have ended. Nothing may have been written before. Cancelling closes both.
    """
    transport = request.transport
    if transport is None or transport.is_closing():
        other.close()
        return
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_CHUNK_BYTES, loop=loop)
    taken = _Taken(reader, loop, request.protocol)
    transport.set_protocol(taken)
    taken.connection_made(transport)
    client = Connection(reader, asyncio.StreamWriter(transport, taken, reader, loop))
    try:
        client.writer.write(head)
        await pipe(client, other)
    finally:
        taken.give_back()


async def open_upgraded(
    url: str, method: str, headers: Sequence[tuple[str, str]], *, tls: ssl.SSLContext | None = None
) -> Answer:
    """Ask a server to upgrade. Raises OSError, TimeoutError."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    async with asyncio.timeout(_CONNECT_S):
        reader, writer = await asyncio.open_connection(
            parts.hostname,
            parts.port,
            ssl=tls,
            server_hostname=parts.hostname if tls else None,
            limit=_HEAD_LIMIT_BYTES,
        )
    try:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if method == "POST":
            lines.append("Content-Length: 0")
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        async with asyncio.timeout(_HEAD_S):
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        return Answer(Connection(reader, writer), head, int(head.split(b" ", 2)[1]))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
        writer.close()
        raise ConnectionError(f"{parts.netloc} did not answer the upgrade") from error
    except BaseException:
        writer.close()
        raise


async def pipe(one: Connection, other: Connection) -> None:
    """Copy both ways until both have ended or one breaks; then close both."""
    async with TaskScope() as scope:
        running = {
            scope.start(_copy(one.reader, other.writer), name="pipe there"),
            scope.start(_copy(other.reader, one.writer), name="pipe back"),
        }
        try:
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if not all(copy.result() for copy in done):
                    break  # nobody is left to talk to
        finally:
            one.close()
            other.close()
    for connection in (one, other):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                await connection.writer.wait_closed()
        connection.writer.transport.abort()  # a peer that takes nothing any more does not keep the rest in memory


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Copy until the end; return whether the other way may go on. TLS cannot half-close: its end is both ways'."""
    try:
        while True:
            data = await reader.read(_CHUNK_BYTES)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if not writer.can_write_eof():
            return False
        writer.write_eof()
    except OSError:
        return False
    return True


class _Taken(asyncio.StreamReaderProtocol):
    """Raw bytes of a connection that was aiohttp's, which is told when it ends, or it would keep the request for ever.

    Telling it cancels the request's handler. So a lost peer's last bytes get a while to reach the other side first.
    """

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop, door: Any) -> None:
        super().__init__(reader, loop=loop)
        self._events = loop
        self._door = door
        self._deadline: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._deadline = self._events.call_later(_LINGER_S, self._door.connection_lost, exc)

    def give_back(self) -> None:
        """Tell aiohttp that the connection has ended; the handler may return first."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._events.call_soon(self._door.connection_lost, None)
