"""Probes over the network, against servers on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from podbay.cri.fake import FakeRuntime
from podbay.kubelet.hooks import HookFailed, HookRunner
from podbay.kubelet.probes.answer import Answer
from podbay.kubelet.probes.asking import Asker
from podbay.kubelet.probes.grpc import grpc_answer
from podbay.kubelet.probes.http import HttpGetter
from podbay.kubelet.probes.tcp import tcp_answer
from podbay.lib.clock import ManualClock

Handler = Callable[[Any], Awaitable[web.StreamResponse]]
LOCAL = "127.0.0.1"


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, LOCAL, 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    writers: list[asyncio.StreamWriter] = []

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    listener = await asyncio.start_server(noted, LOCAL, 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    getter = HttpGetter()
    yield Asker(FakeRuntime(ManualClock()), getter, is_real=True)
    await getter.close()


async def asked(asker: Asker, port: int, **get: Any) -> Answer:
    timeout = get.pop("timeoutSeconds", 5)
    probe = {"httpGet": {"path": "/", "port": port, "scheme": "HTTP", **get}, "timeoutSeconds": timeout}
    return await asker.ask(probe, {"name": "c"}, "id", LOCAL)


async def unused_port() -> int:
    async with listening(_silent) as port:
        return port


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.close()


async def test_a_request_has_our_name_and_the_users_headers(asker: Asker) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path_qs, dict(request.headers)))
        return web.Response(text="ok")

    async with server(answer) as port:
        headers = [{"name": "X-Own", "value": "1"}, {"name": "Host", "value": "example.org"}]
        assert (await asked(asker, port, path="/healthz?deep=1", httpHeaders=headers)).is_well
    path, got = seen[0]
    assert path == "/healthz?deep=1"
    assert (got["User-Agent"], got["X-Own"], got["Host"]) == ("kube-probe/1.33", "1", "example.org")
    assert (got["Accept"], got["Connection"]) == ("*/*", "close") and "Accept-Encoding" not in got


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (204, True), (400, False), (404, False), (500, False)])
async def test_a_status_from_200_on_and_below_400_is_well(asker: Asker, status: int, is_well: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with server(answer) as port:
        found = await asked(asker, port)
    assert found.is_well is is_well
    assert is_well or found.text == f"HTTP probe failed with statuscode: {status}"


async def test_redirects_within_the_host_are_followed_and_others_are_a_warning(asker: Asker) -> None:
    async def answer(request: web.Request) -> web.Response:
        targets = {"/here": "/end", "/away": "http://example.org/", "/round": "/round"}
        if request.path in targets:
            return web.Response(status=302, headers={"Location": targets[request.path]}, text="moved")
        return web.Response(status=500)

    async with server(answer) as port:
        assert (await asked(asker, port, path="/here")).text == "HTTP probe failed with statuscode: 500"
        away = await asked(asker, port, path="/away")
        assert (away.is_well, away.is_warning) == (True, True)
        assert away.text == "Probe terminated redirects, Response body: moved"
        endless = await asked(asker, port, path="/round")
        assert endless.text == f'Get "http://{LOCAL}:{port}/round": stopped after 10 redirects'


async def test_what_goes_wrong_is_told_in_upstreams_words(asker: Asker) -> None:
    port = await unused_port()
    refused = f"dial tcp {LOCAL}:{port}: connect: connection refused"
    assert (await asked(asker, port)).text == f'Get "http://{LOCAL}:{port}/": {refused}'
    assert (await tcp_answer(LOCAL, port, 5)).text == refused
    async with listening(_silent) as port:
        text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        assert (await asked(asker, port, timeoutSeconds=0.05)).text == f'Get "http://{LOCAL}:{port}/": {text}'
        assert (await tcp_answer(LOCAL, port, 5)).is_well
    async with listening(_hangs_up) as port:
        assert (await asked(asker, port)).text == f'Get "http://{LOCAL}:{port}/": EOF'


async def test_https_to_a_plain_server_is_told_so(asker: Asker) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with server(answer) as port:
        found = await asked(asker, port, scheme="HTTPS")
    assert found.text == f'Get "https://{LOCAL}:{port}/": http: server gave HTTP response to HTTPS client'


async def test_a_server_says_by_grpc_whether_it_serves() -> None:
    from grpclib.health.service import Health
    from grpclib.server import Server

    health = Health()
    grpc_server = Server([health])
    await grpc_server.start(LOCAL, 0)
    port = grpc_server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        assert await grpc_answer(LOCAL, port, "", 5) == Answer(is_well=True, text="service healthy")
        unknown = await grpc_answer(LOCAL, port, "none", 5)
        assert not unknown.is_well and "rpc error: code = NotFound" in unknown.text
    finally:
        grpc_server.close()
        await grpc_server.wait_closed()


async def test_who_does_not_answer_by_grpc_is_not_well() -> None:
    port = await unused_port()
    found = await grpc_answer(LOCAL, port, "", 5)
    assert not found.is_well
    assert found.text.startswith(f'timeout: failed to connect service "{LOCAL}:{port}" within 5s: ')
    async with listening(_silent) as port:
        found = await grpc_answer(LOCAL, port, "", 0.05)
    assert found.text.startswith("timeout: health rpc did not complete within ")


async def test_a_hook_takes_any_status_and_a_plain_answer_to_https() -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["User-Agent"]))
        return web.Response(status=500)

    getter = HttpGetter()
    clock = ManualClock()
    runner = HookRunner(FakeRuntime(clock), getter, clock, is_real=True)
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}}
    try:
        async with server(answer) as port:
            for scheme, told in (
                ("HTTP", ""),
                (
                    "HTTPS",
                    f"request to HTTPS lifecycle hook {LOCAL}:{port} got HTTP response, retry with HTTP succeeded",
                ),
            ):
                hook = {"httpGet": {"path": "/hook", "port": port, "scheme": scheme}}
                assert await runner.run(hook, pod, {"name": "c"}, "id", LOCAL) == told
        assert seen == [("/hook", "kube-lifecycle/1.33")] * 2
        hook = {"httpGet": {"path": "/hook", "port": port, "scheme": "HTTP"}}
        with pytest.raises(HookFailed) as failed:
            await runner.run(hook, pod, {"name": "c"}, "id", LOCAL)
    finally:
        await getter.close()
    assert str(failed.value).startswith(
        'Http lifecycle hook (/hook) for Container "c" in Pod "p_n(u)" failed - error: Get'
    )
