import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from podbay.serving.door import Door, serve
from podbay.serving.takeover import Answer, Connection, hand_over, open_upgraded
from podbay.wire.http import Request, Response

_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Backend:
    """A server of raw bytes behind a door that hands its connections over."""

    def __init__(self) -> None:
        self.serve: Serve = self._echo
        self.written = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self.serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
async def door(backend: Backend) -> AsyncIterator[Door]:
    server = await asyncio.start_server(backend.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def handle(request: Request) -> Response:
        answer = await open_upgraded(f"http://127.0.0.1:{port}{request.target}", request.method, [])
        if answer.status != 101:
            return Response(status=answer.status, body=await answer.refusal())

        async def upgrade(connection: Any) -> None:
            await hand_over(connection, answer.head, answer.connection)

        return Response(status=101, upgrade=upgrade)

    door = await serve(handle, host="127.0.0.1", port=0)
    yield door
    await door.close()
    server.close()


async def ask(door: Door) -> Answer:
    return await open_upgraded(f"http://{door.host}:{door.port}/x", "POST", [("Connection", "Upgrade")])


async def finish(connection: Connection) -> None:
    connection.close()
    await connection.writer.wait_closed()


def open_requests() -> int:
    gc.collect()
    return sum(type(each).__name__ == "RequestHandler" for each in gc.get_objects())


async def test_bytes_flow_both_ways_and_a_half_close_is_passed_on(door: Door) -> None:
    answer = await ask(door)
    assert (answer.status, answer.head) == (101, _HEAD)
    for word in (b"one", b"two"):
        answer.connection.writer.write(word)
        assert await answer.connection.reader.readexactly(3) == word
    answer.connection.writer.write(b"last")
    answer.connection.writer.write_eof()
    assert await answer.connection.reader.read() == b"last"
    await finish(answer.connection)


async def test_what_a_client_sent_before_it_left_reaches_the_other_side(door: Door, backend: Backend) -> None:
    received: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    go = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD)
        await go.wait()
        received.set_result(len(await reader.read(-1)))

    backend.serve = take
    answer = await ask(door)
    answer.connection.writer.write(b"x" * 500_000)
    await finish(answer.connection)
    go.set()
    assert await received == 500_000


async def test_a_refusal_comes_back_as_an_ordinary_answer(door: Door, backend: Backend) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found")

    backend.serve = refuse
    answer = await ask(door)
    assert (answer.status, await answer.refusal()) == (404, b"not found")


async def test_a_server_that_hangs_up_is_an_error(backend: Backend) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101")

    backend.serve = hang_up
    async with await asyncio.start_server(backend.connected, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionError, match="did not answer the upgrade"):
            await open_upgraded(f"http://127.0.0.1:{port}/", "GET", [])


async def test_a_side_is_only_read_while_the_other_takes(door: Door, backend: Backend) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_HEAD)
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            backend.written += 65536

    backend.serve = pour
    answer = await ask(door)
    stalled, before = 0, -1
    while stalled < 200:  # nobody reads: the source is stopped by full buffers
        stalled = stalled + 1 if backend.written == before else 0
        before = backend.written
        await asyncio.sleep(0.001)
    assert backend.written < 64 * 1024 * 1024
    taken = 0
    while taken < 3 * before:
        taken += len(await answer.connection.reader.read(65536))
    await finish(answer.connection)


async def test_nothing_is_left_of_connections_that_ended(door: Door) -> None:
    before = open_requests()
    tasks = len(asyncio.all_tasks())
    for _ in range(5):
        answer = await ask(door)
        answer.connection.writer.write(b"x")
        await answer.connection.reader.readexactly(1)
        await finish(answer.connection)
    while len(asyncio.all_tasks()) > tasks:
        await asyncio.sleep(0.001)
    while open_requests() > before:
        await asyncio.sleep(0.001)
