"""The server as a whole: namespaces of its own, routes, health, restart over the same store."""

import asyncio
from typing import Any

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.store.interface import KeyValue
from podbay.wire import json
from podbay.wire.http import Headers, Request
from tests.unit.apiserver.support import ADMIN, MAPS, PODS, Api, config_map, pod


async def test_the_namespaces_of_every_cluster_are_there(api: Api) -> None:
    listed = await api.call("GET", "/api/v1/namespaces")
    names = [item["metadata"]["name"] for item in listed["items"]]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    assert {item["status"]["phase"] for item in listed["items"]} == {"Active"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/gadgets", 404),
        ("GET", "/apis/example.com/v1/gadgets", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", f"{PODS}/web/nothing", 404),
        ("POST", "/api/v1/pods", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("POST", "/version", 405),
        ("GET", "/nothing", 404),
    ],
)
async def test_what_is_not_served_is_refused(api: Api, method: str, path: str, status: int) -> None:
    refused = await api.call(method, path, pod("web") if method == "POST" else None, status=status)
    assert refused["kind"] == "Status"


async def test_health_tells_each_check(api: Api) -> None:
    assert (await api.send("GET", "/readyz")).body == b"ok"
    told = (await api.send("GET", "/readyz?verbose&exclude=log")).body.decode()
    assert "[+]ping ok\n" in told
    assert "[+]log excluded: ok\n" in told
    assert told.endswith("readyz check passed\n")


async def test_a_store_that_is_closed_makes_the_server_unready_and_refuses_requests(api: Api) -> None:
    await api.store.close()
    refused = await api.call("POST", MAPS, config_map("a"), status=503)
    assert refused["reason"] == "ServiceUnavailable"
    await api.clock.advance(1)
    assert (await api.send("GET", "/readyz")).status == 500


async def test_metrics_count_requests(api: Api) -> None:
    await api.create(PODS, pod("web"))
    text = (await api.send("GET", "/metrics")).body.decode()
    line = next(line for line in text.splitlines() if line.startswith("apiserver_request_total{") and "POST" in line)
    assert 'resource="pods"' in line


async def test_a_second_server_on_the_same_store_serves_the_same_objects(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    again = ApiServer(api.store, api.clock, ApiServerConfig())
    await again.start()
    response = await again.handle(Request(method="GET", target=f"{MAPS}/a", peer=ADMIN))
    assert made["metadata"]["resourceVersion"].encode() in response.body
    await again.close()


async def test_health_has_a_path_for_each_check_and_leaves_out_what_it_is_told_to(api: Api) -> None:
    assert (await api.send("GET", "/readyz/ping")).body == b"ok"
    assert (await api.send("GET", "/livez/informer-sync")).status == 404
    assert (await api.send("GET", "/livezz")).status == 404
    text = (await api.send("GET", "/readyz?verbose&exclude=etcd&exclude=nope")).body.decode()
    assert "[+]etcd excluded: ok\n" in text
    assert 'warn: some health checks cannot be excluded: no matches for "nope"\n' in text
    assert text.endswith("readyz check passed\n")


async def test_a_server_that_ends_is_not_ready_but_alive(api: Api) -> None:
    await api.server.close()
    refused = await api.send("GET", "/readyz")
    assert refused.status == 500
    assert b"[-]shutdown failed: reason withheld\n" in refused.body
    assert (await api.send("GET", "/livez")).status == 200


async def test_no_client_makes_metrics_grow(api: Api) -> None:
    for word in ("one", "two"):
        await api.send("GET", f"/api/v1/{word}", peer=None)
        await api.send("GET", f"{PODS}/x/{word}")
        await api.send(word.upper(), PODS)
    text = (await api.send("GET", "/metrics")).body.decode()
    assert "one" not in {value for line in text.splitlines() for value in line.split('"')}
    assert 'apiserver_current_inflight_requests{request_kind="mutating"} 0.0' in text
    for name in ("apiserver_storage_objects", "apiserver_longrunning_requests", "process_resident_memory_bytes"):
        assert name in text
    counted = next(line for line in text.splitlines() if line.startswith("apiserver_request_total{") and "404" in line)
    for label in ('component="apiserver"', 'dry_run=""', 'scope="resource"', 'version="v1"', 'verb="GET"'):
        assert label in counted


async def test_who_reads_gets_lines(api: Api) -> None:
    compact = await api.send("GET", "/api/v1/nodes")
    lines = await api.send("GET", "/api/v1/nodes?pretty=true")
    assert b"\n" not in compact.body
    assert lines.body.startswith(b'{\n  "kind": "NodeList",\n')
    assert json.decode(lines.body) == json.decode(compact.body)
    request = Request(method="GET", target="/api/v1/nodes", headers=Headers([("User-Agent", "curl/8")]), peer=ADMIN)
    assert (await api.server.handle(request)).body == lines.body


async def test_a_server_that_ends_finishes_what_it_began_and_takes_nothing_new(api: Api) -> None:
    put = api.store.put
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **options: Any) -> KeyValue:
        begun.set()
        await may_go_on.wait()
        return await put(*arguments, **options)

    api.store.put = slow  # type: ignore[method-assign]
    frames = await api.watch(f"{MAPS}?watch=1")
    creating = asyncio.ensure_future(api.call("POST", MAPS, config_map("a"), status=201))
    await begun.wait()
    closing = asyncio.ensure_future(api.server.close())
    with pytest.raises(StopAsyncIteration):
        await frames.next()
    refused = await api.call("GET", MAPS, status=503)
    assert (refused["message"], refused["details"]) == ("the server is ending", {"retryAfterSeconds": 1})
    assert not closing.done()
    may_go_on.set()
    await creating
    await closing
