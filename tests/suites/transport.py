"""What every transport does, whatever carries the bytes.

A backend's test module gives the fixture ``connect``: a function from a handler to a transport that reaches it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from podbay.client.transport import Transport, TransportError
from podbay.wire.http import Handler, Headers, Request, Response

Connect = Callable[[Handler], Awaitable[Transport]]


def get(target: str, *headers: tuple[str, str]) -> Request:
    return Request(method="GET", target=target, headers=Headers(headers))


async def read(response: Response) -> bytes:
    assert response.stream is not None
    return b"".join([chunk async for chunk in response.stream])


async def close(response: Response) -> None:
    assert response.stream is not None
    end = getattr(response.stream, "aclose", None)
    assert end is not None
    await end()


class Server:
    """A handler that records what it was asked and answers what it is told to."""

    def __init__(self, answer: Response | None = None) -> None:
        self.asked: list[Request] = []
        self.answer = answer or Response(status=200, body=b"{}")

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answer


class TransportSuite:
    """Inherit it, and give the fixture ``connect``."""

    async def test_method_target_headers_and_body_arrive_as_they_were_sent(self, connect: Connect) -> None:
        server = Server()
        transport = await connect(server)
        target = "/api/v1/namespaces/a%2Fb/pods?labelSelector=a%3Db%2Cc&x=%20"
        headers = Headers([("Content-Type", "application/json"), ("X-Test", "one")])
        await transport.send(Request(method="PATCH", target=target, headers=headers, body=b'{"a":1}'))
        (asked,) = server.asked
        assert (asked.method, asked.target, asked.body) == ("PATCH", target, b'{"a":1}')
        assert asked.headers.get("content-type") == "application/json"
        assert asked.headers.get("x-test") == "one"

    async def test_status_headers_and_body_come_back(self, connect: Connect) -> None:
        transport = await connect(Server(Response(status=404, headers=[("Retry-After", "3")], body=b"nothing")))
        response = await transport.send(get("/api/v1/pods/x"))
        assert (response.status, response.body, response.stream) == (404, b"nothing", None)
        assert Headers(response.headers).get("retry-after") == "3"

    async def test_an_empty_body_is_empty(self, connect: Connect) -> None:
        server = Server(Response(status=200))
        transport = await connect(server)
        response = await transport.send(Request(method="DELETE", target="/api/v1/pods/x"))
        assert response.body == b""
        assert server.asked[0].body == b""

    async def test_a_large_body_arrives_whole_both_ways(self, connect: Connect) -> None:
        data = bytes(range(256)) * 4096
        server = Server(Response(status=200, body=data[::-1]))
        transport = await connect(server)
        response = await transport.send(Request(method="POST", target="/api/v1/pods", body=data))
        assert server.asked[0].body == data
        assert response.body == data[::-1]

    async def test_one_transport_carries_many_requests(self, connect: Connect) -> None:
        server = Server()
        transport = await connect(server)
        for number in range(5):
            await transport.send(get(f"/api/v1/pods/{number}"))
        assert [request.target[-1] for request in server.asked] == list("01234")

    async def test_a_watch_gives_each_chunk_when_it_is_sent(self, connect: Connect) -> None:
        step = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"one\n"
            await step.wait()
            yield b"two\n"

        transport = await connect(Server(Response(status=200, stream=chunks())))
        response = await transport.send(get("/api/v1/pods?watch=true"))
        assert response.stream is not None
        assert await anext(response.stream) == b"one\n"
        step.set()
        assert await anext(response.stream) == b"two\n"
        with pytest.raises(StopAsyncIteration):
            await anext(response.stream)

    async def test_a_followed_log_is_a_stream(self, connect: Connect) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"line\n"

        transport = await connect(Server(Response(status=200, stream=chunks())))
        response = await transport.send(get("/api/v1/namespaces/a/pods/b/log?follow=true"))
        assert await read(response) == b"line\n"

    async def test_a_refused_watch_has_a_body_and_no_stream(self, connect: Connect) -> None:
        transport = await connect(Server(Response(status=410, body=b"gone")))
        response = await transport.send(get("/api/v1/pods?watch=1"))
        assert (response.status, response.body, response.stream) == (410, b"gone", None)

    async def test_closing_a_stream_ends_the_servers_side(self, connect: Connect) -> None:
        ended = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"one\n"
                while True:  # a socket's server notices at its next write, or when the connection is reset
                    await asyncio.sleep(0.01)
                    yield b"more\n"
            finally:
                ended.set()

        transport = await connect(Server(Response(status=200, stream=chunks())))
        response = await transport.send(get("/api/v1/pods?watch=true"))
        assert response.stream is not None
        await anext(response.stream)
        await close(response)
        await ended.wait()

    async def test_requests_go_on_while_a_stream_is_open(self, connect: Connect) -> None:
        forever = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            yield b"one\n"
            await forever.wait()

        server = Server(Response(status=200, stream=chunks()))
        transport = await connect(server)
        watch = await transport.send(get("/api/v1/pods?watch=true"))
        server.answer = Response(status=200, body=b"other")
        assert (await transport.send(get("/api/v1/nodes"))).body == b"other"
        await close(watch)
        forever.set()

    async def test_a_stream_that_fails_at_the_server_ends_for_the_reader(self, connect: Connect) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"one\n"
            raise ConnectionResetError

        transport = await connect(Server(Response(status=200, stream=chunks())))
        response = await transport.send(get("/api/v1/pods?watch=true"))
        assert response.stream is not None
        assert await anext(response.stream) == b"one\n"
        with pytest.raises((StopAsyncIteration, TransportError)):
            await anext(response.stream)
