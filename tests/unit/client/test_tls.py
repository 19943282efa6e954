"""Transports over TLS: both sides prove who they are, and a server that is not the right one is not talked to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.configuration import ClientConfig
from podbay.client.oneshot import OneShotTransport
from podbay.client.transport import TransportError
from podbay.lib.clock import RealClock
from podbay.serving.door import serve
from podbay.standalone.credentials import Credentials
from podbay.standalone.pki import Pki
from podbay.wire.http import PeerCertificate, Response
from tests.suites.transport import Server, get


class World:
    """A server with a certificate for 127.0.0.1 and ``podbay.test``, and somebody's configuration for it."""

    def __init__(self, server: Server, config: ClientConfig, other: ClientConfig) -> None:
        self.server, self.config, self.other = server, config, other

    async def ask(self, config: ClientConfig, *, way: str) -> Response:
        if way == "aiohttp":
            transport = AiohttpTransport(config)
            try:
                return await transport.send(get("/version"))
            finally:
                await transport.close()
        once = OneShotTransport(config)
        try:
            return await asyncio.to_thread(once.send_sync, get("/version"))
        finally:
            once.close_sync()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    pki, stranger = Pki(tmp_path / "pki", RealClock()), Pki(tmp_path / "stranger", RealClock())
    serving = pki.server(pki.pair("server"), "server", [], ["127.0.0.1", "podbay.test"])
    server, credentials = Server(), Credentials(pki.ca.certificate)
    door = await serve(server, host="127.0.0.1", port=0, tls=credentials.server_context(serving))
    address = f"https://127.0.0.1:{door.port}"
    jane, other = (
        Credentials(who.ca.certificate).client_config(address, who.client(who.pair("jane"), "jane", ["team"]))
        for who in (pki, stranger)
    )
    yield World(server, jane, other)
    await door.close()


ways = pytest.mark.parametrize("way", ["aiohttp", "http.client"])


@ways
async def test_the_server_learns_who_the_certificate_says(world: World, way: str) -> None:
    assert (await world.ask(world.config, way=way)).status == 200
    assert world.server.asked[0].peer == PeerCertificate("jane", ("team",))


@ways
async def test_without_a_certificate_nobody_is_known(world: World, way: str) -> None:
    await world.ask(replace(world.config, client_cert_pem=b"", client_key_pem=b""), way=way)
    assert world.server.asked[0].peer is None


@ways
async def test_a_server_of_another_ca_is_not_talked_to(world: World, way: str) -> None:
    with pytest.raises(TransportError) as caught:
        await world.ask(replace(world.config, ca_pem=world.other.ca_pem), way=way)
    assert "certificate verify failed" in str(caught.value)
    assert world.server.asked == []


@ways
async def test_a_certificate_of_another_ca_is_refused(world: World, way: str) -> None:
    with pytest.raises(TransportError):
        await world.ask(replace(world.other, ca_pem=world.config.ca_pem), way=way)
    assert world.server.asked == []


@ways
async def test_the_certificate_must_name_the_server(world: World, way: str) -> None:
    with pytest.raises(TransportError):
        await world.ask(replace(world.config, server_name="elsewhere.test"), way=way)
    assert (await world.ask(replace(world.config, server_name="podbay.test"), way=way)).status == 200


@ways
async def test_insecure_talks_to_anybody(world: World, way: str) -> None:
    assert (await world.ask(replace(world.config, ca_pem=b"", insecure=True), way=way)).status == 200


def test_a_config_whose_pem_cannot_be_used_says_so() -> None:
    with pytest.raises(ssl.SSLError):
        ClientConfig(server="https://x", client_cert_pem=b"no", client_key_pem=b"pem").tls_context()
