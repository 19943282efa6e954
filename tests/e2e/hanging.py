"""A stand-in for containerd that passes everything on, except for the methods that a test has hang.

Takes containerd's socket; gives a socket beside it. A call that hangs is never passed on.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from grpclib.server import Server, Stream

from bench.cri.proxy import Bytes, Proxy


class HangingProxy(Proxy):
    """See the module. ``hanging`` has the names of methods; ``asked`` has what was called and hangs."""

    def __init__(self, behind: Path, socket: Path) -> None:
        super().__init__(behind)
        self.socket = socket
        self.hanging: set[str] = set()
        self.asked: list[str] = []

    def free(self) -> None:
        """Have nothing hang any more; what hung stays unanswered until its caller gives up."""
        self.hanging.clear()

    def _unary(self, path: str) -> Any:
        passes_on = super()._unary(path)
        method = path.rpartition("/")[2]

        async def answer(stream: Stream[Any, Any]) -> None:
            if method in self.hanging:
                self.asked.append(method)
                await asyncio.Event().wait()
            await passes_on(stream)

        return answer


@contextlib.asynccontextmanager
async def hanging_proxy(behind: Path) -> AsyncIterator[HangingProxy]:
    """Listen beside containerd for as long as the block."""
    proxy = HangingProxy(behind, behind.with_name("hanging.sock"))
    server = Server([proxy], codec=Bytes())
    await server.start(path=str(proxy.socket))
    try:
        yield proxy
    finally:
        server.close()
        proxy.close()
        await server.wait_closed()
        proxy.socket.unlink()
