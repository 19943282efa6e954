"""One HTTP/1.1 connection of a client, synchronous, with nothing that takes long to import.

Takes a socket; writes requests and reads answers: whole by ``read``, or piece by piece by ``read_some``.
Invariant: a body ends where the message says; a connection that closes earlier is an error, never a short answer.
Source: RFC 9112.
"""

import socket
from collections.abc import Iterable
from typing import Final

_MOST_HEAD_BYTES: Final = 256 * 1024
_CHUNK_BYTES: Final = 256 * 1024


class Disconnected(ConnectionError):
    """The peer closed the connection before an answer had begun."""


class Malformed(OSError):
    """What came is no HTTP."""


class Connection:
    """See the module. One exchange at a time; ``reusable`` tells whether another may follow."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.reusable = False
        self.fields: list[tuple[str, str]] = []
        self._buffer = b""
        self._left: int | None = 0  # bytes to come; None: until the connection closes
        self._chunked = False
        self._done = True

    def send(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Write a request. Raises OSError."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if len(body) < _CHUNK_BYTES:
            self.socket.sendall(head + body)
            return
        self.socket.sendall(head)
        self.socket.sendall(body)

    def receive(self, method: str) -> int:
        """Read an answer's head and return its status; ``fields`` are its headers. Raises OSError."""
        while True:
            status = self._head()
            if status >= 200 or status == 101:
                break
        found = {name.lower(): value for name, value in self.fields}
        self._chunked = found.get("transfer-encoding", "").lower() == "chunked"
        length = found.get("content-length", "")
        self._left = 0 if self._chunked else int(length) if length.isdigit() else None
        if method == "HEAD" or status in (204, 304):
            self._chunked, self._left = False, 0
        self._done = not self._chunked and self._left == 0
        self.reusable = (self._chunked or self._left is not None) and found.get("connection", "").lower() != "close"
        return status

    def read(self) -> bytes:
        """Return the rest of the body. Raises OSError."""
        parts = []
        while part := self.read_some():
            parts.append(part)
        return b"".join(parts)

    def read_some(self) -> bytes:
        """Return what has come of the body, at least a byte; nothing at its end. Raises OSError."""
        if self._done:
            return b""
        if self._chunked and not self._left:
            size = int(self._line().partition(b";")[0], 16)
            if not size:
                while self._line():
                    pass
                self._done = True
                return b""
            self._left = size
        data = self._buffer or self.socket.recv(_CHUNK_BYTES)
        if not data:
            if self._left is None:
                self._done = True
                return b""
            raise ConnectionError("the connection closed in the middle of an answer")
        if self._left is None:
            self._buffer = b""
            return data
        data, self._buffer = data[: self._left], data[self._left :]
        self._left -= len(data)
        if not self._left:
            if self._chunked:
                self._line()
            else:
                self._done = True
        return data

    def close(self) -> None:
        """Close the socket."""
        self.reusable = False
        self.socket.close()

    def _head(self) -> int:
        line = self._line(fresh=True)
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Malformed(f"malformed HTTP response {line[:60].decode('latin-1')!r}")
        self.fields = []
        while field := self._line():
            name, _, value = field.decode("latin-1").partition(":")
            self.fields.append((name, value.strip()))
        return int(rest[:3])

    def _line(self, *, fresh: bool = False) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MOST_HEAD_BYTES:
                raise Malformed("a line of an answer is too long")
            data = self.socket.recv(_CHUNK_BYTES)
            if not data:
                if fresh and not self._buffer:
                    raise Disconnected("the server closed the connection without an answer")
                raise ConnectionError("the connection closed in the middle of an answer")
            self._buffer += data
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.removesuffix(b"\r")
