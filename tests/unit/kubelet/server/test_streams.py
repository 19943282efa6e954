import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from podbay.kubelet.server.streams import stream
from podbay.serving.door import Door, serve
from podbay.serving.takeover import open_upgraded
from podbay.wire.http import Request, Response
from tests.unit.kubelet.server.runtime import StreamingRuntime, streaming_runtime

V5 = "v5.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
ALL = {"stdin": True, "stdout": True, "stderr": True, "resize": False}


@pytest.fixture
async def runtime() -> AsyncIterator[StreamingRuntime]:
    async with streaming_runtime() as runtime:
        yield runtime


class Kubelet:
    """A door whose requests are joined to the runtime's path of the same name."""

    def __init__(self, runtime: StreamingRuntime) -> None:
        self.runtime = runtime
        self.streams: Mapping[str, bool] | None = ALL
        self.door: Door

    async def handle(self, request: Request) -> Response:
        async def url() -> str:
            return self.runtime.url(request.target)

        return await stream(request, url, streams=self.streams)

    def url(self, path: str) -> str:
        return f"http://{self.door.host}:{self.door.port}{path}"


@pytest.fixture
async def kubelet(runtime: StreamingRuntime) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(runtime)
    kubelet.door = await serve(kubelet.handle, host="127.0.0.1", port=0)
    yield kubelet
    await kubelet.door.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def messages(socket: aiohttp.ClientWebSocketResponse) -> list[tuple[int, bytes]]:
    """Return what comes until the server closes: channel and payload."""
    return [(message.data[0], message.data[1:]) async for message in socket]


async def test_v5_carries_stdin_output_and_the_exit_code(kubelet: Kubelet, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(kubelet.url("/exec"), protocols=(V5, "v4.channel.k8s.io")) as socket:
        assert socket.protocol == V5
        await socket.send_bytes(b"\x00hello ")
        await socket.send_str("\x00world")
        await socket.send_bytes(b"\xff\x00")
        found = await messages(socket)
        assert socket.close_code == 1000
    assert b"".join(data for channel, data in found if channel == 1) == b"hello world"
    assert b"".join(data for channel, data in found if channel == 2) == b"stdin ended"
    assert json.loads(b"".join(data for channel, data in found if channel == 3))["reason"] == "NonZeroExitCode"


async def test_v5_passes_resizes_on(kubelet: Kubelet, session: aiohttp.ClientSession) -> None:
    kubelet.streams = {"stdin": True, "stdout": True, "stderr": False, "resize": True}
    size = b'{"Width":80,"Height":24}'
    async with session.ws_connect(kubelet.url("/exec"), protocols=(V5,)) as socket:
        await socket.send_bytes(b"\x04" + size)
        await socket.send_bytes(b"\xff\x00")
        found = await messages(socket)
    assert kubelet.runtime.resizes == [size]
    assert {channel for channel, _ in found} == {3}


async def test_v5_carries_megabytes_both_ways_at_once(kubelet: Kubelet, session: aiohttp.ClientSession) -> None:
    size = 8 * 1024 * 1024
    async with session.ws_connect(kubelet.url("/exec"), protocols=(V5,), max_msg_size=0) as socket:

        async def send() -> None:
            for _ in range(size // 32768):
                await socket.send_bytes(b"\x00" + b"y" * 32768)
            await socket.send_bytes(b"\xff\x00")

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            found = group.create_task(messages(socket))
    assert sum(len(data) for channel, data in found.result() if channel == 1) == size


async def test_a_client_that_leaves_ends_the_runtimes_side(kubelet: Kubelet, session: aiohttp.ClientSession) -> None:
    for protocol, path in ((V5, "/exec"), (TUNNEL, "/raw")):
        kubelet.streams = ALL if protocol == V5 else None
        kubelet.runtime.ended.clear()
        async with session.ws_connect(kubelet.url(path), protocols=(protocol,)):
            assert not kubelet.runtime.ended.is_set()
        await kubelet.runtime.ended.wait()


async def test_the_tunnel_copies_bytes_whatever_the_messages(kubelet: Kubelet, session: aiohttp.ClientSession) -> None:
    kubelet.streams = None
    async with session.ws_connect(kubelet.url("/raw"), protocols=(TUNNEL,)) as socket:
        assert socket.protocol == TUNNEL
        for part in (b"a" * 70_000, b"b", b"c" * 10):
            await socket.send_bytes(part)
        back = b""
        while len(back) < 70_011:
            back += await socket.receive_bytes()
    assert back == b"a" * 70_000 + b"b" + b"c" * 10
    assert b"X-Stream-Protocol-Version: portforward.k8s.io" in kubelet.runtime.heads[0]


async def test_the_tunnel_stops_the_runtime_while_the_client_does_not_read(
    kubelet: Kubelet, session: aiohttp.ClientSession
) -> None:
    kubelet.streams = None
    async with session.ws_connect(kubelet.url("/pour"), protocols=(TUNNEL,)) as socket:
        stalled, before = 0, -1
        while stalled < 200:
            stalled = stalled + 1 if kubelet.runtime.poured == before else 0
            before = kubelet.runtime.poured
            await asyncio.sleep(0.001)
        assert before < 64 * 1024 * 1024
        taken = 0
        while taken < 2 * before + 1:
            taken += len(await socket.receive_bytes())


async def test_spdy_and_older_websockets_are_copied_as_they_are(kubelet: Kubelet) -> None:
    versions = [("X-Stream-Protocol-Version", version) for version in ("v5.channel.k8s.io", "v4.channel.k8s.io")]
    asked: list[tuple[str, list[tuple[str, str]]]] = [
        ("POST", [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), *versions]),
        ("GET", [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", "v4.channel.k8s.io"),
                 ("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13")]),
    ]  # fmt: skip
    for method, headers in asked:
        answer = await open_upgraded(kubelet.url("/raw?a=%20b"), method, headers)
        assert answer.status == 101
        answer.connection.writer.write(b"bytes")
        assert await answer.connection.reader.readexactly(5) == b"bytes"
        answer.connection.close()
        head = kubelet.runtime.heads[-1].decode()
        assert head.startswith(f"{method} /raw?a=%20b HTTP/1.1\r\n")
        for name, value in headers:
            assert f"\r\n{name}: {value}\r\n" in head


async def test_a_refusal_of_the_runtime_is_answered_before_the_upgrade(kubelet: Kubelet) -> None:
    upgrades: list[list[tuple[str, str]]] = [
        [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade")],
        [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", V5)],
    ]
    for headers in upgrades:
        answer = await open_upgraded(kubelet.url("/refuse"), "GET", headers)
        assert (answer.status, await answer.refusal()) == (500, b"no shell")


async def test_a_runtime_that_is_gone_is_said_so(kubelet: Kubelet) -> None:
    kubelet.runtime.port = 1
    answer = await open_upgraded(kubelet.url("/raw"), "POST", [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade")])
    assert answer.status == 500
    assert b"streaming server does not answer" in await answer.refusal()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([], b"unable to upgrade: missing upgrade headers in request"),
        (
            [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Protocol", "v9.channel.k8s.io")],
            b"unable to upgrade: no supported protocol among v9.channel.k8s.io",
        ),
    ],
)
async def test_what_is_not_spoken_is_refused(kubelet: Kubelet, headers: list[Any], message: bytes) -> None:
    answer = await open_upgraded(kubelet.url("/exec"), "GET", headers)
    assert (answer.status, await answer.refusal()) == (400, message)
