"""A gRPC server that is always well, for pods: ``python -m tests.e2e.health_server PORT``.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from grpclib.const import Cardinality, Handler
from grpclib.server import Server, Stream

from bench.cri.proxy import Bytes

_SERVING = b"\x08\x01"


class Health:
    """The one service."""

    def __mapping__(self) -> Mapping[str, Handler]:
        """Return grpclib's table of methods."""
        return {"/grpc.health.v1.Health/Check": Handler(self._check, Cardinality.UNARY_UNARY, bytes, bytes)}

    async def _check(self, stream: Stream[Any, Any]) -> None:
        await stream.recv_message()
        await stream.send_message(_SERVING)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = Server([Health()], codec=Bytes())
    await server.start("0.0.0.0", port)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
