import asyncio

from bench.connection import open_connection, request
from tests.bench.serving import serving


async def test_an_answer_in_pieces_is_put_together_and_the_connection_used_again() -> None:
    async with serving(b"HTTP/1.1 201 Created\r\nConte", b"nt-Length: 5\r\n\r\nab", b"cde") as port:
        connection = await open_connection(port, None)
        for _ in range(2):
            assert await connection.ask(request("GET", "/")) == (201, b"abcde")
        connection.close()


async def test_a_stream_gives_its_lines_as_they_come() -> None:
    came: list[bytes] = []
    both = asyncio.Event()

    def take(data: bytes, _: float) -> None:
        came.append(data)
        if b"".join(came) == b"onetwo":
            both.set()

    async with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\none", b"two") as port:
        connection = await open_connection(port, None)
        assert await connection.follow(request("GET", "/"), take) == 200
        await asyncio.wait_for(both.wait(), 5)
        connection.close()
