"""A bare server, as a process: what the same bytes cost over the same HTTP library and TLS, with nothing behind them.

The task: ``pki``, ``directory`` and ``answers`` (target -> a file with the body). Prints its port. It answers GET with
the body of the target; POST after the body was appended to a file and synced, many in one sync, with what was posted;
``/stream`` with a stream that gets whatever is PUT. It ends when standard input does.
"""

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

from aiohttp import web


class SyncedFile:
    """Appends to a file; an append returns when it is on the disk. One sync serves all that wait meanwhile."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wanted = asyncio.Event()

    async def append(self, data: bytes) -> None:
        """Append durably."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, future))
        self._wanted.set()
        await future

    async def run(self) -> None:
        """Write and sync for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._write, b"".join(data for data, _ in batch))
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _write(self, data: bytes) -> None:
        os.write(self._descriptor, data)
        os.fdatasync(self._descriptor)


class Floor:
    """See the module."""

    def __init__(self, answers: dict[str, bytes], file: SyncedFile) -> None:
        self._answers = answers
        self._file = file
        self._streams: set[web.StreamResponse] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path == "/stream":
            return await (self._stream(request) if request.method == "GET" else self._publish(request))
        if request.method == "POST":
            body = await request.read()
            await self._file.append(body)
            return web.Response(status=201, body=body, content_type="application/json")
        return web.Response(body=self._answers[request.raw_path], content_type="application/json")

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        self._streams.add(stream)
        try:
            await asyncio.Event().wait()
        finally:
            self._streams.discard(stream)
        return stream

    async def _publish(self, request: web.BaseRequest) -> web.Response:
        frame = await request.read()
        for stream in list(self._streams):
            await stream.write(frame)
        return web.Response(body=b"{}", content_type="application/json")


def _bodies(files: dict[str, str]) -> dict[str, bytes]:
    return {target: Path(file).read_bytes() for target, file in files.items()}


async def serve(task: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    pki = Path(task["pki"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.crt"))
    tls.load_cert_chain(str(pki / "server.crt"), str(pki / "server.key"))
    tls.verify_mode = ssl.CERT_OPTIONAL
    file = SyncedFile(Path(task["directory"]) / "floor.log")
    floor = Floor(_bodies(task["answers"]), file)
    runner = web.ServerRunner(web.Server(floor.answer, access_log=None, handler_cancellation=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls, backlog=512).start()
    print(json.dumps(runner.addresses[0][1]), flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with asyncio.TaskGroup() as group:
        syncing = group.create_task(file.run())
        await reader.read()
        syncing.cancel()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
