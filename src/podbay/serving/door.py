"""Listens, speaks HTTP and TLS, and translates to and from ``wire.http``.

Takes a handler and a TLS context; gives a door that can be closed. The peer's verified certificate becomes the
request's identity.
Invariant: a body over the limit is refused with 413 before it is read whole; closing the door ends every connection.
Source: RFC 9110; aiohttp's low-level server.
"""

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from podbay.wire import json
from podbay.wire.http import JSON, Handler, Headers, PeerCertificate, Request, Response

_SHUTDOWN_S: Final = 2.0
_HEAD_BYTES: Final = 1 << 20  # of the request line and of one header field, as in upstream's server
_COMPRESS_FROM_BYTES: Final = 128 * 1024


class Door:
    """A listening server."""

    def __init__(self, runner: web.ServerRunner, host: str, port: int) -> None:
        self._runner = runner
        self.host = host
        self.port = port

    async def close(self) -> None:
        """Stop listening, let short requests finish, and cut what remains."""
        await self._runner.cleanup()


async def serve(
    handler: Handler, *, host: str, port: int, tls: ssl.SSLContext | None = None, limit_bytes: int = 0
) -> Door:
    """Listen on an address; port 0 takes any. Bodies over ``limit_bytes`` are refused (0: no limit).

    Raises OSError if the port is taken.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await _answer(handler, request, limit_bytes)

    server = web.Server(
        answer,
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=75,
        max_line_size=_HEAD_BYTES,  # a selector in a query can be long
        max_field_size=_HEAD_BYTES,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=512)
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    return Door(runner, host, runner.addresses[0][1])


class HandedOver(web.StreamResponse):
    """Says that the connection is no longer HTTP: nothing is written any more."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """End aiohttp's part. Raises ConnectionResetError, which it takes for a peer that left."""
        raise ConnectionResetError


async def _answer(handler: Handler, connection: web.BaseRequest, limit_bytes: int) -> web.StreamResponse:
    body = await _body(connection, limit_bytes)
    if body is None:
        status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": f"Request entity too large: limit is {limit_bytes}",
            "reason": "RequestEntityTooLarge", "code": 413,
        }  # fmt: skip
        refusal = web.Response(status=413, body=json.encode(status), content_type=JSON)
        refusal.force_close()
        return refusal
    request = Request(
        method=connection.method,
        target=connection.raw_path,
        headers=Headers(connection.headers.items()),
        body=body,
        peer=_peer(connection),
        remote=connection.remote or "",
        connection=connection,
    )
    response = await handler(request)
    if response.upgrade is not None:
        await response.upgrade(connection)
        return HandedOver()
    if response.stream is not None:
        return await _stream(connection, response)
    body, headers = response.body, response.headers
    if len(body) >= _COMPRESS_FROM_BYTES and "gzip" in request.headers.get("Accept-Encoding"):
        body = await asyncio.to_thread(_gzip, body)
        headers = [*headers, ("Content-Encoding", "gzip")]
    return web.Response(status=response.status, headers=headers, body=body)


async def _body(connection: web.BaseRequest, limit_bytes: int) -> bytes | None:
    """Return the body, or None if it is over the limit."""
    if not connection.can_read_body:
        return b""
    if limit_bytes and (connection.content_length or 0) > limit_bytes:
        return None
    parts, size = [], 0
    async for part in connection.content.iter_any():
        size += len(part)
        if limit_bytes and size > limit_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


async def _stream(connection: web.BaseRequest, response: Response) -> web.StreamResponse:
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    assert response.stream is not None
    chunks = response.stream
    try:
        await stream.prepare(connection)
        async for chunk in chunks:
            await stream.write(chunk)
        await stream.write_eof()
    except ConnectionError:
        pass  # the peer left: nobody to tell
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
    return stream


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


def _peer(connection: web.BaseRequest) -> PeerCertificate | None:
    transport = connection.transport
    certificate: Mapping[str, Any] | None = transport.get_extra_info("peercert") if transport is not None else None
    if not certificate:
        return None
    names: dict[str, list[str]] = {}
    for part in certificate.get("subject", ()):
        for name, value in part:
            names.setdefault(name, []).append(value)
    return PeerCertificate(names.get("commonName", [""])[0], tuple(names.get("organizationName", ())))
