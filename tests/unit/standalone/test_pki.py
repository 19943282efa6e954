"""Certificates: one for every part, renewed in time, also under a server that runs."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from podbay.lib.clock import ManualClock
from podbay.serving.door import serve
from podbay.standalone.credentials import Credentials, Pair
from podbay.standalone.errors import ClusterError
from podbay.standalone.pki import Pki
from podbay.wire.http import Request, Response

_DAY_S = 86_400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(dt.datetime.now(dt.UTC))


@pytest.fixture
def pki(tmp_path: Path, clock: ManualClock) -> Iterator[Pki]:
    yield Pki(tmp_path / "pki", clock)


def certificate(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def test_a_certificate_is_kept_while_it_is_good(pki: Pki, tmp_path: Path, clock: ManualClock) -> None:
    pair = pki.server(pki.pair("server"), "server", [], ["127.0.0.1", "node"])
    before = pair.certificate.read_bytes()
    Pki(tmp_path / "pki", clock).server(pki.pair("server"), "server", [], ["node"])
    assert pair.certificate.read_bytes() == before
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("user", "groups", "hosts"),
    [("other", ["g"], ["a"]), ("user", ["h"], ["a"]), ("user", [], ["a"]), ("user", ["g"], ["a", "b"])],
)
def test_a_certificate_for_something_else_is_made_anew(
    pki: Pki, user: str, groups: list[str], hosts: list[str]
) -> None:
    pair = pki.server(pki.pair("x"), "user", ["g"], ["a"])
    before = certificate(pair).serial_number
    pki.server(pair, user, groups, hosts)
    assert certificate(pair).serial_number != before


@pytest.mark.parametrize("how", ["garbage", "empty", "another key", "another CA", "no key"])
def test_a_certificate_that_cannot_serve_is_made_anew(pki: Pki, tmp_path: Path, clock: ManualClock, how: str) -> None:
    pair = pki.client(pki.pair("x"), "user")
    other = Pki(tmp_path / "other", clock)
    stranger = other.client(other.pair("x"), "user")
    match how:
        case "garbage":
            pair.certificate.write_bytes(b"garbage")
        case "empty":
            pair.certificate.write_bytes(b"")
        case "another key":
            pair.key.write_bytes(stranger.key.read_bytes())
        case "another CA":
            pair.key.write_bytes(stranger.key.read_bytes())
            pair.certificate.write_bytes(stranger.certificate.read_bytes())
        case "no key":
            pair.key.unlink()
    pki.client(pair, "user")
    certificate(pair).verify_directly_issued_by(certificate(pki.ca))


def test_a_ca_that_is_broken_is_told(pki: Pki, tmp_path: Path, clock: ManualClock) -> None:
    pki.ca.key.write_bytes(b"garbage")
    with pytest.raises(ClusterError, match=r"CA in .* is broken"):
        Pki(tmp_path / "pki", clock)


async def test_certificates_are_renewed_while_it_runs(pki: Pki, clock: ManualClock) -> None:
    pair = pki.client(pki.pair("x"), "user")
    first = certificate(pair)
    running = asyncio.ensure_future(pki.keep_fresh())
    try:
        await clock.advance(240 * _DAY_S)
        assert certificate(pair) == first
        for _ in range(20):
            await clock.advance(_DAY_S)
            await asyncio.to_thread(lambda: None)
        renewed = certificate(pair)
        assert renewed.not_valid_after_utc > first.not_valid_after_utc + dt.timedelta(days=230)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_server_that_runs_shows_the_renewed_certificate(pki: Pki) -> None:
    async def answer(request: Request) -> Response:
        return Response(status=200, headers=[], body=b"")

    pair = pki.server(pki.pair("server"), "server", [], ["127.0.0.1"])
    credentials = Credentials(pki.ca.certificate)
    door = await serve(answer, host="127.0.0.1", port=0, tls=credentials.server_context(pair))
    client = credentials.client_context(pki.client(pki.pair("user"), "user"))
    try:
        for index in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port, ssl=client)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            await writer.wait_closed()
            assert x509.load_der_x509_certificate(shown) == certificate(pair)
            if index == 0:
                assert credentials.reload() == []
                pki.server(pair, "server", [], ["127.0.0.1", "another.name"])
                assert credentials.reload() == [pair]
    finally:
        await door.close()


def test_the_key_of_tokens_is_made_once(pki: Pki, tmp_path: Path, clock: ManualClock) -> None:
    key = pki.token_key()
    assert Pki(tmp_path / "pki", clock).token_key().identifier == key.identifier
    file = tmp_path / "pki" / "sa.key"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("broken")
    with pytest.raises(ClusterError, match=r"sa\.key is broken"):
        pki.token_key()
