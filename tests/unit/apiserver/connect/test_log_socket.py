import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from podbay.apiserver.connect.log_socket import answer_in_messages, asks_for_socket
from podbay.serving.door import Door, serve
from podbay.wire.http import Headers, Request, Response


class Log:
    """A log that says a line and goes on only when it is told to end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"line\n"
        await self.over.wait()

    async def aclose(self) -> None:
        self.closed.set()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def door(log: Log) -> AsyncIterator[Door]:
    async def handle(request: Request) -> Response:
        return await answer_in_messages(request, log)

    door = await serve(handle, host="127.0.0.1", port=0)
    yield door
    await door.close()


def url(door: Door) -> str:
    return f"http://{door.host}:{door.port}/"


@pytest.mark.parametrize(("protocol", "said"), [("binary.k8s.io", b"line\n"), ("base64.binary.k8s.io", "bGluZQo=")])
async def test_a_log_is_said_after_an_empty_message_and_then_closed(
    door: Door, log: Log, protocol: str, said: bytes | str
) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(url(door), protocols=[protocol]) as socket:
        assert socket.protocol == protocol
        assert (await socket.receive()).data == b""
        assert (await socket.receive()).data == said
        log.over.set()
        assert (await socket.receive()).type == aiohttp.WSMsgType.CLOSE
    await log.closed.wait()


async def test_a_client_that_goes_away_ends_the_log(door: Door, log: Log) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url(door))
        await socket.receive()
        await socket.close()
    async with asyncio.timeout(5):
        await log.closed.wait()


async def test_a_protocol_that_nobody_knows_is_refused(door: Door, log: Log) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as told:
            await session.ws_connect(url(door), protocols=["video.example.com"])
    assert told.value.status == 403
    assert log.closed.is_set()


def test_only_a_web_socket_is_asked_for_as_one() -> None:
    assert asks_for_socket(Request(method="GET", target="/", headers=Headers([("upgrade", "WebSocket")])))
    assert not asks_for_socket(Request(method="GET", target="/", headers=Headers([("Upgrade", "SPDY/3.1")])))
    assert not asks_for_socket(Request(method="GET", target="/"))
