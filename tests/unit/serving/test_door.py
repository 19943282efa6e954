"""The door: what is too long for it, and what it says then."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from podbay.serving.door import Door, serve
from podbay.wire.http import Request, Response

LIMIT = 1000


async def echo(request: Request) -> Response:
    return Response(status=200, body=f"{len(request.target)} {len(request.body)}".encode())


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    opened = await serve(echo, host="127.0.0.1", port=0, limit_bytes=LIMIT)
    yield opened
    await opened.close()


async def ask(door: Door, text: bytes) -> tuple[int, bytes]:
    """Send a request as it is and return status and body of the answer."""
    reader, writer = await asyncio.open_connection(door.host, door.port)
    try:
        writer.write(text)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            return int(head.split()[1]), await reader.readexactly(length)
    finally:
        writer.close()


async def test_a_long_target_comes_through(door: Door) -> None:
    target = "/?labelSelector=" + "a" * 200_000
    status, body = await ask(door, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (status, body) == (200, f"{len(target)} 0".encode())


async def test_a_body_over_the_limit_is_refused_with_a_status(door: Door) -> None:
    body = b"x" * (LIMIT + 1)
    whole = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(body),
        body,
    )
    for text in (whole, chunked):
        status, answer = await ask(door, text)
        assert status == 413
        refused = json.loads(answer)
        assert (refused["kind"], refused["reason"], refused["code"]) == ("Status", "RequestEntityTooLarge", 413)


async def test_a_body_at_the_limit_is_taken(door: Door) -> None:
    status, answer = await ask(door, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LIMIT + b"x" * LIMIT)
    assert (status, answer) == (200, b"1 1000")
