"""The transport over HTTPS for long-running parts: many requests over few connections.

Takes a ClientConfig; the one door to aiohttp's client.
"""

import socket
import ssl
from typing import Final, Self

import aiohttp
from yarl import URL

from podbay.client.configuration import ClientConfig
from podbay.client.streams import is_streamed
from podbay.client.transport import TransportError
from podbay.wire.http import Request, Response

_CONNECT_S: Final = 10.0
_CONNECTIONS: Final = 100
# A peer whose machine or network is gone says nothing: probe a silent connection, and give up after 45 seconds.
_KEEPALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class AiohttpTransport:
    """See the module. Made inside a running event loop."""

    def __init__(self, config: ClientConfig, *, tls: ssl.SSLContext | None = None) -> None:
        self._server = config.server.rstrip("/")
        self._credentials = config.credentials()
        self._server_name = config.server_name or None
        context = tls or config.tls_context()
        connector = aiohttp.TCPConnector(
            ssl=context if context is not None else True, limit=_CONNECTIONS, socket_factory=_socket
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=256 * 1024,
        )

    async def send(self, request: Request) -> Response:
        """Send a request. Raises TransportError."""
        headers = [*request.headers.items(), *self._credentials]
        try:
            answer = await self._session.request(
                request.method,
                URL(self._server + request.target, encoded=True),
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
                server_hostname=self._server_name,
            )
            if is_streamed(request) and answer.status == 200:
                return Response(status=200, headers=list(answer.headers.items()), stream=_Chunks(answer))
            try:
                body = await answer.read()
            finally:
                answer.release()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TransportError(f"{self._server}: {error or type(error).__name__}") from error
        return Response(status=answer.status, headers=list(answer.headers.items()), body=body)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    made = socket.socket(address[0], address[1], address[2])
    for level, option, value in _KEEPALIVE:
        made.setsockopt(level, option, value)
    made.settimeout(0.0)
    return made


class _Chunks:
    """An answer's stream. A class, because a generator that nobody has started yet cannot be closed."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._content = answer.content.iter_any()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._content)
        except StopAsyncIteration:
            self._answer.close()
            raise
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._answer.close()
            raise TransportError(str(error) or type(error).__name__) from error

    async def aclose(self) -> None:
        """Cut the connection that carries the stream."""
        self._answer.close()
