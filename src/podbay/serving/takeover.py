"""Connections that stop being HTTP: taken from aiohttp, spoken raw, and joined to another one.

Takes the door's own request object; gives a reader and a writer of raw bytes. ``open_upgraded`` is the other side: it
asks a server for an upgrade and gives the connection.
Invariant: memory stays steady whatever flows, because a side is only read while the other takes; when the pipe ends,
both connections are closed.
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


@dataclass(frozen=True, slots=True)
class Connection:
    """A two-way stream of bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Close at once; what is still buffered is sent first."""
        self.writer.close()


def take_over(request: Any) -> Connection:
    """Take the connection of a request away from aiohttp. Write nothing before this."""
    loop = asyncio.get_running_loop()
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    reader = asyncio.StreamReader(limit=_CHUNK_BYTES, loop=loop)
    protocol = _Taken(reader, loop, request.protocol)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def open_upgraded(
    url: str, method: str, headers: Sequence[tuple[str, str]], *, tls: ssl.SSLContext | None = None
) -> tuple[Connection, bytes, int]:
    """Ask a server to upgrade; return the connection, the head of its answer, and the status.

    Anything but 101 leaves the body to be read from the connection. Raises OSError, TimeoutError.
    """
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
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        return Connection(reader, writer), head, int(head.split(b" ", 2)[1])
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
            async with asyncio.timeout(1.0):
                await connection.writer.wait_closed()


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
    """Tells aiohttp when the connection is lost, or it would keep the request for ever."""

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop, door: Any) -> None:
        super().__init__(reader, loop=loop)
        self._door = door

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._door.connection_lost(exc)
