"""A keep-alive HTTP/1.1 connection for load generators: little more than the socket, so that it costs little.

Takes prepared requests; gives status and body, or for a stream every line with the moment it came. Knows only what the
benchmark's servers answer with: Content-Length, or chunks of a stream that never ends.
Invariant: one request is under way at a time.
Source: RFC 9112.
"""

import asyncio
import ssl
import time
from collections.abc import Callable

Lines = Callable[[bytes, float], None]


class Connection(asyncio.Protocol):
    """See the module. Made by ``open_connection``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head_end = -1
        self._wanted = 0
        self._status = 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._lines: Lines | None = None
        self._ended: Callable[[], None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))
        elif self._ended is not None:
            self._ended()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._lines is not None and self._head_end >= 0:
            self._lines(data, now)
            return
        self._buffer += data
        if self._head_end < 0:
            self._head_end = self._buffer.find(b"\r\n\r\n")
            if self._head_end < 0:
                return
            self._begin_answer()
        if self._lines is not None:
            rest = bytes(self._buffer[self._head_end + 4 :])
            self._finish(b"")
            self._head_end = 0
            if rest:
                self._lines(rest, now)
        elif len(self._buffer) >= self._head_end + 4 + self._wanted:
            self._finish(bytes(self._buffer[self._head_end + 4 :]))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body. Raises OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        assert self._transport is not None
        self._transport.write(request)
        return await self._answer

    async def follow(self, request: bytes, lines: Lines, ended: Callable[[], None] | None = None) -> int:
        """Send a request for a stream; return its status.

        ``lines`` gets what comes from then on, as it comes; ``ended`` is called when no more can come.
        """
        self._lines, self._ended = lines, ended
        status, _ = await self.ask(request)
        return status

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _begin_answer(self) -> None:
        head = bytes(self._buffer[: self._head_end]).lower()
        self._status = int(head[9:12])
        _, found, rest = head.partition(b"\r\ncontent-length:")
        self._wanted = int(rest.partition(b"\r\n")[0]) if found else 0

    def _finish(self, body: bytes) -> None:
        self._buffer.clear()
        self._head_end = -1
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._status, body))


async def open_connection(port: int, tls: ssl.SSLContext | None) -> Connection:
    """Connect to a port of this machine. Raises OSError."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        Connection, "127.0.0.1", port, ssl=tls, server_hostname="127.0.0.1" if tls else None
    )
    return connection


def request(method: str, target: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    """Return a request as it goes over the wire."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    if body:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
