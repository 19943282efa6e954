from typing import Final

import pytest

from bench.cluster import BenchError
from bench.connection import open_connection
from bench.pod_watch import PodWatch
from tests.bench.serving import serving

_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_PENDING: Final = b'{"type":"ADDED","object":{"metadata":{"uid":"u"},"status":{"phase":"Pending"}}}\n'


async def test_a_pod_that_does_not_come_so_far_is_told_with_what_was_seen_of_it() -> None:
    async with serving(_HEAD, b"%x\r\n%s\r\n" % (len(_PENDING), _PENDING)) as port:
        connection = await open_connection(port, None)
        watch = PodWatch(connection, connection)
        await watch.start()
        assert await watch.first("u", "Pending") > 0
        with pytest.raises(BenchError, match="waited 0 s in vain for pod u to be Running, seen Pending"):
            await watch.first("u", "Running", patience_s=0)
        with pytest.raises(BenchError, match="waited 0 s in vain for pod v to be Running, seen nothing"):
            await watch.first("v", "Running", patience_s=0)
        connection.close()


async def test_a_watch_that_the_server_ends_is_told_at_once() -> None:
    async with serving(_HEAD, b"%x\r\n%s\r\n" % (len(_PENDING), _PENDING), closes=True) as port:
        connection = await open_connection(port, None)
        watch = PodWatch(connection, connection)
        await watch.start()
        with pytest.raises(BenchError, match="the watch ended before pod u was Running, seen Pending"):
            await watch.first("u", "Running")
