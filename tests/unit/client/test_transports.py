"""The three transports, held to the one suite."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

import pytest

from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.configuration import ClientConfig
from podbay.client.inprocess import InProcessTransport
from podbay.client.oneshot import Chunks, OneShotTransport, SyncResponse
from podbay.client.transport import Transport, TransportError
from podbay.lib.activity import Activity
from podbay.serving.door import serve
from podbay.wire.http import Handler, PeerCertificate, Request, Response
from tests.suites.transport import Connect, Server, TransportSuite, get


class ThreadedChunks:
    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await asyncio.to_thread(next, self._chunks, None)
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._chunks.close()


class InAThread:
    """The one-shot transport, waited for in threads so that the server can run in the loop."""

    def __init__(self, config: ClientConfig) -> None:
        self._transport = OneShotTransport(config)
        self._lock = threading.Lock()

    def _send(self, request: Request) -> SyncResponse:
        with self._lock:
            return self._transport.send_sync(request)

    async def send(self, request: Request) -> Response:
        answer = await asyncio.to_thread(self._send, request)
        if answer.chunks is None:
            return answer
        return Response(status=answer.status, headers=answer.headers, stream=ThreadedChunks(answer.chunks))

    async def close(self) -> None:
        self._transport.close_sync()


async def over_sockets(make: Callable[[ClientConfig], Transport]) -> AsyncIterator[Connect]:
    ends: list[Callable[[], Awaitable[None]]] = []

    async def connect(handler: Handler) -> Transport:
        door = await serve(handler, host="127.0.0.1", port=0)
        transport = make(ClientConfig(server=f"http://127.0.0.1:{door.port}"))
        ends.extend((transport.close, door.close))
        return transport

    yield connect
    for end in ends:
        await end()


class TestInProcess(TransportSuite):
    @pytest.fixture
    async def connect(self) -> AsyncIterator[Connect]:
        made: list[InProcessTransport] = []

        async def connect(handler: Handler) -> Transport:
            made.append(InProcessTransport(handler, PeerCertificate("somebody"), Activity()))
            return made[-1]

        yield connect
        for transport in made:
            await transport.close()

    async def test_the_handler_sees_the_peer_that_the_transport_stands_for(self, connect: Connect) -> None:
        server = Server()
        transport = await connect(server)
        await transport.send(Request(method="GET", target="/", peer=PeerCertificate("system:admin")))
        assert server.asked[0].peer == PeerCertificate("somebody")

    async def test_what_was_sent_and_not_yet_read_is_work_in_hand(self) -> None:
        forever = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"one\n"
            await forever.wait()

        activity = Activity()
        transport = InProcessTransport(Server(Response(status=200, stream=chunks())), PeerCertificate("a"), activity)
        response = await transport.send(get("/api/v1/pods?watch=true"))
        assert response.stream is not None
        while not activity.busy_with():
            await asyncio.sleep(0)
        reading = asyncio.ensure_future(anext(response.stream))
        assert await reading == b"one\n"
        assert activity.busy_with() == {"stream": 1}
        waiting = asyncio.ensure_future(anext(response.stream))
        await activity.idle()
        waiting.cancel()
        await transport.close()

    async def test_a_reader_that_is_too_slow_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("podbay.client.inprocess._BUFFER_BYTES", 10)
        sent = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 1
                yield b"12345"

        transport = InProcessTransport(Server(Response(status=200, stream=chunks())), PeerCertificate("a"), Activity())
        response = await transport.send(get("/api/v1/pods?watch=true"))
        assert response.stream is not None
        while sent < 3:
            await asyncio.sleep(0)
        assert b"".join([chunk async for chunk in response.stream]) == b"1234512345"
        await transport.close()


class TestAiohttp(TransportSuite):
    @pytest.fixture
    async def connect(self) -> AsyncIterator[Connect]:
        async for connect in over_sockets(AiohttpTransport):
            yield connect

    async def test_a_server_that_is_not_there_is_a_transport_error(self) -> None:
        transport = AiohttpTransport(ClientConfig(server=f"http://127.0.0.1:{_free_port()}"))
        with pytest.raises(TransportError):
            await transport.send(get("/version"))
        await transport.close()


class TestOneShot(TransportSuite):
    @pytest.fixture
    async def connect(self) -> AsyncIterator[Connect]:
        async for connect in over_sockets(InAThread):
            yield connect

    async def test_a_server_that_is_not_there_is_a_transport_error_that_says_why(self) -> None:
        transport = OneShotTransport(ClientConfig(server=f"http://127.0.0.1:{_free_port()}"))
        with pytest.raises(TransportError) as caught:
            transport.send_sync(get("/version"))
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    async def test_a_kept_connection_that_the_server_has_closed_is_made_anew(self) -> None:
        server = Server()
        door = await serve(server, host="127.0.0.1", port=0)
        port = door.port
        transport = OneShotTransport(ClientConfig(server=f"http://127.0.0.1:{port}"))
        await asyncio.to_thread(transport.send_sync, get("/one"))
        await door.close()
        door = await serve(server, host="127.0.0.1", port=port)
        await asyncio.to_thread(transport.send_sync, get("/two"))
        assert [request.target for request in server.asked] == ["/one", "/two"]
        transport.close_sync()
        await door.close()

    async def test_a_token_is_sent_with_every_request(self) -> None:
        server = Server()
        door = await serve(server, host="127.0.0.1", port=0)
        transport = OneShotTransport(ClientConfig(server=f"http://127.0.0.1:{door.port}/prefix", token="secret"))
        await asyncio.to_thread(transport.send_sync, get("/one"))
        assert server.asked[0].headers.get("authorization") == "Bearer secret"
        assert server.asked[0].target == "/prefix/one"
        transport.close_sync()
        await door.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
