"""HTTP requests of probes and hooks: one GET, no connection kept, no certificate verified.

Takes a URL and headers; gives the status and the beginning of the body, or an HttpProblem in the words that upstream's
client has for it. Redirects within the host are followed; one to elsewhere is the answer.
Source: upstream's pkg/probe/http.
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from podbay.kubelet.probes.errno_text import errno_text

_MOST_BYTES: Final = 10 * 1024
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TIMEOUT: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
PLAIN_ANSWER: Final = "http: server gave HTTP response to HTTPS client"


class HttpProblem(Exception):
    """There was no answer. ``why`` is the text without the URL."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f'Get "{url}": {why}')
        self.why = why


class HttpGetter:
    """See the module. ``close`` at the end."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, headers: Sequence[tuple[str, str]], timeout_s: float | None) -> tuple[int, bytes]:
        """Return status and body of the answer. Raises HttpProblem."""
        host, target = urlsplit(url).hostname, url
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(_MOST_REDIRECTS):
                    status, body, location = await self._once(target, headers)
                    elsewhere = urljoin(target, location)
                    if status not in _REDIRECTS or not location or urlsplit(elsewhere).hostname != host:
                        return status, body
                    target = elsewhere
        except TimeoutError:
            raise HttpProblem(target, _TIMEOUT) from None
        raise HttpProblem(target, f"stopped after {_MOST_REDIRECTS} redirects")

    async def close(self) -> None:
        """Let go of everything."""
        if self._session is not None:
            await self._session.close()

    async def _once(self, url: str, headers: Sequence[tuple[str, str]]) -> tuple[int, bytes, str]:
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=0, ssl=False)
            skipped = ("User-Agent", "Accept", "Accept-Encoding")
            self._session = aiohttp.ClientSession(
                connector=connector,
                skip_auto_headers=skipped,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._session.get(
                URL(url, encoded=True),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as answer:
                body = await answer.content.read(_MOST_BYTES)
                return answer.status, body, answer.headers.get("Location", "")
        except aiohttp.ClientError as error:
            raise HttpProblem(url, _why(error, url)) from None


def _why(error: aiohttp.ClientError, url: str) -> str:
    """Return what upstream's client says of a failure."""
    place = urlsplit(url).netloc
    match error:
        case aiohttp.ClientConnectorSSLError():
            cause = error.os_error
            is_plain = isinstance(cause, ssl.SSLError) and "WRONG_VERSION" in (cause.reason or "")
            return PLAIN_ANSWER if is_plain else f"tls: {cause}"
        case aiohttp.ClientConnectorDNSError():
            return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
        case aiohttp.ClientConnectorError():
            return f"dial tcp {place}: connect: {errno_text(error.os_error)}"
        case aiohttp.ServerDisconnectedError():
            return "EOF"
        case aiohttp.ClientOSError():
            return f"read tcp {place}: read: {errno_text(error)}"
    return f"net/http: HTTP/1.x transport connection broken: {error}"
