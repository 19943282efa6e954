"""The transport of one-shot commands: synchronous, over the standard library's ``http.client``, quick to import.

Takes a ClientConfig; carries the same requests as the others. One connection is kept for answers that are read whole;
a stream has a connection of its own. A command runs in one thread and waits for one thing at a time.
"""

import contextlib
import http.client
import ssl
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from podbay.client.configuration import ClientConfig
from podbay.client.streams import is_streamed
from podbay.client.transport import TransportError
from podbay.wire.http import Request, Response

_CONNECT_S: Final = 10.0
_CHUNK_BYTES: Final = 256 * 1024
_ERRORS: Final = (http.client.HTTPException, OSError)


class Chunks:
    """An answer's stream, read chunk by chunk as it comes; ``close`` may come before the first one."""

    def __init__(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._answer = answer

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = self._answer.read1(_CHUNK_BYTES)
        except _ERRORS as error:
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
        self._answer.close()


@dataclass(slots=True, kw_only=True)
class SyncResponse(Response):
    """An answer; one that is streamed has ``chunks`` instead of a body. Closing them ends the stream."""

    chunks: Chunks | None = None


class OneShotTransport:
    """See the module. ``timeout_s`` bounds each wait for the server, and streams only if it is given."""

    def __init__(self, config: ClientConfig, *, timeout_s: float | None = None) -> None:
        parts = urlsplit(config.server)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._config = config
        self._timeout_s = timeout_s
        self._tls: ssl.SSLContext | None = None
        self._kept: http.client.HTTPConnection | None = None

    def send_sync(self, request: Request) -> SyncResponse:
        """Return the answer. Raises TransportError, whose cause is the system's error."""
        kept = self._kept
        if kept is None or is_streamed(request):
            return self._exchange(self._connect(), request)
        self._kept = None
        try:
            return self._exchange(kept, request)
        except TransportError as error:
            # The server has closed the idle connection before it saw the request: asking again repeats nothing.
            if not isinstance(error.__cause__, http.client.RemoteDisconnected | BrokenPipeError | ConnectionResetError):
                raise
            if isinstance(error.__cause__, ConnectionResetError) and request.method not in ("GET", "HEAD"):
                raise
        return self._exchange(self._connect(), request)

    def close_sync(self) -> None:
        """Close the connection that is kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _connect(self) -> http.client.HTTPConnection:
        if not self._config.server.startswith("https:"):
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s or _CONNECT_S)
        if self._tls is None:
            self._tls = self._config.tls_context() or ssl.create_default_context()
        connection = _TlsConnection(self._host, self._port, timeout=self._timeout_s or _CONNECT_S, context=self._tls)
        connection.server_name = self._config.server_name or self._host
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> SyncResponse:
        headers = dict(request.headers.items())
        if self._config.token:
            headers["Authorization"] = f"Bearer {self._config.token}"
        try:
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(self._timeout_s)
            connection.request(
                request.method, self._prefix + request.target, body=request.body or None, headers=headers
            )
            answer = connection.getresponse()
            fields = list(answer.getheaders())
            if is_streamed(request) and answer.status == 200:
                return SyncResponse(status=200, headers=fields, chunks=Chunks(connection, answer))
            body = answer.read()
        except _ERRORS as error:
            connection.close()
            raise TransportError(f"{self._config.server}: {error or type(error).__name__}") from error
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self.close_sync()
            self._kept = connection
        return SyncResponse(status=answer.status, headers=fields, body=body)


class _TlsConnection(http.client.HTTPSConnection):
    """Checks the server's certificate against a name that may differ from the host."""

    server_name = ""

    def connect(self) -> None:
        """Connect and shake hands."""
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # typeshed hides what the base class sets
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=self.server_name)
        except BaseException:
            self.sock.close()
            raise
