"""The transport of one-shot commands: synchronous and quick to import, since whole commands are measured by it.

Takes a ClientConfig; carries the same requests as the others. One connection is kept for answers that are read whole;
a stream has a connection of its own. A command runs in one thread and waits for one thing at a time.
"""

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any, Final, Self

from podbay.client.configuration import ClientConfig
from podbay.client.http1 import Connection, Disconnected
from podbay.client.streams import is_streamed
from podbay.client.transport import TransportError
from podbay.wire.http import Request, Response

if TYPE_CHECKING:
    import ssl

_CONNECT_S: Final = 10.0


class Chunks:
    """An answer's stream, read chunk by chunk as it comes; ``close`` may come before the first one."""

    def __init__(self, connection: Connection, deadline: float | None = None) -> None:
        self._connection = connection
        self._deadline = deadline

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            if self._deadline is not None:
                self._connection.socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            chunk = self._connection.read_some()
        except (OSError, ValueError) as error:
            self.close()
            raise TransportError(str(error) or type(error).__name__) from error
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Cut the connection that carries the stream."""
        with contextlib.suppress(OSError):
            self._connection.close()


class SyncResponse(Response):
    """An answer; one that is streamed has ``chunks`` instead of a body. Closing them ends the stream."""

    __slots__ = ("chunks",)

    def __init__(
        self, status: int, headers: list[tuple[str, str]], body: bytes = b"", chunks: Chunks | None = None
    ) -> None:
        super().__init__(status=status, headers=headers, body=body)
        self.chunks = chunks


class OneShotTransport:
    """See the module. ``timeout_s`` bounds every request as a whole, streams too."""

    def __init__(self, config: ClientConfig, *, timeout_s: float | None = None) -> None:
        scheme, _, rest = config.server.rpartition("://")
        place, slash, prefix = rest.partition("/")
        host, colon, port = place.rpartition(":")
        if not colon or "]" in port:
            host, port = place, ""
        self._secure = scheme == "https"
        self._address = (host.strip("[]"), int(port) if port.isdigit() else 443 if self._secure else 80)
        self._place = place
        self._prefix = f"{slash}{prefix}".rstrip("/")
        self._config = config
        self._timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None
        self._kept: Connection | None = None

    def send_sync(self, request: Request) -> SyncResponse:
        """Return the answer. Raises TransportError, whose cause is the system's error."""
        kept = self._kept
        if kept is not None and not is_streamed(request):
            self._kept = None
            try:
                return self._exchange(kept, request)
            except TransportError as error:
                # The server has closed the idle connection before it saw the request: asking again repeats nothing.
                # After a reset that is certain only where asking twice does no harm.
                reset = isinstance(error.__cause__, ConnectionResetError)
                if not isinstance(error.__cause__, Disconnected | BrokenPipeError | ConnectionResetError):
                    raise
                if reset and request.method not in ("GET", "HEAD"):
                    raise
        return self._exchange(None, request)

    def close_sync(self) -> None:
        """Close the connection that is kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _exchange(self, connection: Connection | None, request: Request) -> SyncResponse:
        deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        headers = [("Host", self._place), *request.headers.items(), *self._config.credentials()]
        try:
            connection = connection or self._connected()
            connection.socket.settimeout(self._timeout_s)
            connection.send(request.method, self._prefix + request.target, headers, request.body)
            status = connection.receive(request.method)
            if is_streamed(request) and status == 200:
                return SyncResponse(200, connection.fields, chunks=Chunks(connection, deadline))
            body = connection.read()
        except (OSError, ValueError) as error:
            if connection is not None:
                connection.close()
            raise TransportError(f"{self._config.server}: {error or type(error).__name__}") from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        if connection.reusable:
            self.close_sync()
            self._kept = connection
        else:
            connection.close()
        return SyncResponse(status, connection.fields, body)

    def _connected(self) -> Connection:
        host, port = self._address
        # As bytes where that is possible: a text makes Python import its tables of international names.
        plain: Any = host.encode() if host.isascii() else host
        sock = socket.create_connection((plain, port), timeout=self._timeout_s or _CONNECT_S)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                self._tls = self._tls or self._config.tls_context()
                assert self._tls is not None, "an https server has a TLS context"
                name = self._config.server_name or host
                sock = self._tls.wrap_socket(sock, server_hostname=name.encode() if name.isascii() else name)
        except BaseException:
            sock.close()
            raise
        return Connection(sock)
