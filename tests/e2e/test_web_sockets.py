"""Exec and logs over WebSocket, as a browser or upstream's own tests speak it: old protocols, no kubectl."""

import asyncio
import base64
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import aiohttp
import pytest

from podbay.client import kubeconfig
from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster
from tests import waiting
from tests.e2e.harness import PATIENCE_S, RealCluster, pod, shell, until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def alive(cluster: RealCluster) -> Iterator[str]:
    cluster.apply(pod("socketed", shell("main", "echo container is alive; sleep 600")))
    cluster.wait_ready("socketed")
    until(lambda: cluster.kubectl("logs", "socketed").out, "it has spoken")
    yield "socketed"
    cluster.wait_gone("socketed")


async def messages(cluster: RealCluster, path: str, protocol: str | None) -> list[aiohttp.WSMessage]:
    """Open a WebSocket to the API server with the administrator's certificate; return what comes until it closes."""
    config = kubeconfig.load(cluster.directory / "kubeconfig")
    tls = config.tls_context()
    assert tls is not None
    offered = [protocol] if protocol else []
    opened: list[socket.socket] = []

    def open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        opened.append(socket.socket(*address[:3]))
        opened[-1].setblocking(False)
        return opened[-1]

    connector = aiohttp.TCPConnector(ssl=tls, socket_factory=open_socket)
    async with (
        asyncio.timeout(PATIENCE_S),
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(config.server + path, protocols=offered) as web_socket,
    ):
        assert web_socket.protocol == protocol
        came = [message async for message in web_socket]
    # TLS takes leave of the other side: the event loop must not end before.
    await waiting.until(lambda: all(each.fileno() == -1 for each in opened), "the connection is closed")
    return came


async def test_a_command_is_run_over_the_oldest_protocol(cluster: RealCluster, alive: str) -> None:
    """[sig-node] Pods should support remote command execution over websockets [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - a WebSocket with the protocol channel.k8s.io opens: ``messages``
    - whatever message is longer than its channel's number is of channel 1, standard output: the first assertion
    - what standard output says has the text that the command was to say: the last assertion
    """
    command = "command=echo&command=" + quote("remote execution test")
    path = f"/api/v1/namespaces/default/pods/{alive}/exec?stderr=1&stdout=1&container=main&{command}"
    said = [message.data for message in await messages(cluster, path, "channel.k8s.io") if len(message.data) > 1]
    assert {data[0] for data in said} == {1}
    assert b"".join(data[1:] for data in said) == b"remote execution test\n"


@pytest.mark.parametrize("protocol", ["binary.k8s.io", None, "base64.binary.k8s.io"])
async def test_a_log_comes_in_messages(cluster: RealCluster, alive: str, protocol: str | None) -> None:
    """[sig-node] Pods should support retrieving logs from the container over websockets [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - a WebSocket with the protocol binary.k8s.io opens: ``messages``
    - until it is closed, what it says is exactly what the container said: the assertion (here for every protocol)
    """
    path = f"/api/v1/namespaces/default/pods/{alive}/log?container=main"
    came = await messages(cluster, path, protocol)
    if protocol == "base64.binary.k8s.io":
        assert {message.type for message in came if message.data} == {aiohttp.WSMsgType.TEXT}
        assert b"".join(base64.b64decode(message.data) for message in came) == b"container is alive\n"
    else:
        assert {message.type for message in came} == {aiohttp.WSMsgType.BINARY}
        assert b"".join(message.data for message in came) == b"container is alive\n"


def test_a_log_in_a_protocol_that_nobody_knows_is_refused(cluster: RealCluster, alive: str) -> None:
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "video.example.com",
    }
    path = f"/api/v1/namespaces/default/pods/{alive}/log?container=main"
    with closing(Admin(Cluster(cluster.name))) as admin:
        status, *_ = admin.send("GET", path, b"", asked, timeout_s=PATIENCE_S)
    assert status == 403
