"""A runtime's streaming server for tests: SPDY/3.1 with the streams of exec, or raw bytes after the upgrade."""

import asyncio
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from podbay.wire.spdy import DICTIONARY

_SYN_STREAM, _SYN_REPLY, _PING = 1, 2, 6
_FIN = 1


class StreamingRuntime:
    """Path ``/exec`` echoes stdin to stdout until its end, then says so on stderr and as the error Status; ``/raw``
    echoes bytes; ``/pour`` sends for ever; ``/refuse`` refuses."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.heads: list[bytes] = []
        self.resizes: list[bytes] = []
        self.poured = 0
        self.ended = asyncio.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            path = head.split(b" ")[1].split(b"?")[0]
            if path == b"/refuse":
                writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 8\r\n\r\nno shell")
                return
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
            if path == b"/exec":
                await self._exec(reader, writer)
            elif path == b"/pour":
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    self.poured += 65536
            else:
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended.set()
            writer.close()

    async def _exec(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inflate = zlib.decompressobj(zdict=DICTIONARY)
        streams: dict[str, int] = {}
        writer.write(struct.pack(">HHII", 0x8003, _PING, 4, 2))
        while True:
            first, second = struct.unpack(">II", await reader.readexactly(8))
            body = await reader.readexactly(second & 0xFFFFFF)
            if first & 0x80000000:
                if first & 0xFFFF == _SYN_STREAM:
                    block = inflate.decompress(body[10:])
                    stream = struct.unpack_from(">I", body)[0]
                    streams[block.split(b"streamtype", 1)[1][4:].decode()] = stream
                    writer.write(struct.pack(">HHII", 0x8003, _SYN_REPLY, 4, stream))
                continue
            if first == streams.get("resize"):
                self.resizes.append(body)
            elif first == streams.get("stdin"):
                if body:
                    writer.write(struct.pack(">II", streams["stdout"], len(body)) + body)
                    await writer.drain()
                if second >> 24 & _FIN:
                    break
        status = {"status": "Failure", "reason": "NonZeroExitCode", "message": "exit code 3"}
        last = {"stdout": b"", "stderr": b"stdin ended", "error": json.dumps(status).encode()}
        for name, data in last.items():
            if name in streams:
                writer.write(struct.pack(">II", streams[name], _FIN << 24 | len(data)) + data)
        await writer.drain()


@asynccontextmanager
async def streaming_runtime() -> AsyncIterator[StreamingRuntime]:
    """Serve one on loopback."""
    runtime = StreamingRuntime()
    server = await asyncio.start_server(runtime.connected, "127.0.0.1", 0)
    runtime.port = server.sockets[0].getsockname()[1]
    try:
        yield runtime
    finally:
        server.close()
