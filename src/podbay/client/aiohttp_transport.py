"""The transport over HTTPS for long-running parts: many requests over few connections.

Takes a ClientConfig; the one door to aiohttp's client.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from yarl import URL

from podbay.client.configuration import ClientConfig
from podbay.client.streams import is_streamed
from podbay.client.transport import TransportError
from podbay.wire.http import Request, Response

_CONNECT_S: Final = 10.0
_CONNECTIONS: Final = 100


class AiohttpTransport:
    """See the module. Made inside a running event loop."""

    def __init__(self, config: ClientConfig, *, tls: ssl.SSLContext | None = None) -> None:
        self._server = config.server.rstrip("/")
        self._token = config.token
        context = tls or config.tls_context()
        connector = aiohttp.TCPConnector(ssl=context if context is not None else True, limit=_CONNECTIONS)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=256 * 1024,
        )

    async def send(self, request: Request) -> Response:
        """Send a request. Raises TransportError."""
        headers = request.headers.items()
        if self._token:
            headers.append(("Authorization", f"Bearer {self._token}"))
        try:
            answer = await self._session.request(
                request.method,
                URL(self._server + request.target, encoded=True),
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
            )
            if is_streamed(request) and answer.status == 200:
                return Response(status=200, headers=list(answer.headers.items()), stream=_chunks(answer))
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


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TransportError(str(error)) from error
    finally:
        answer.close()
