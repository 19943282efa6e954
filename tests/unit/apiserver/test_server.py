"""The server as a whole: namespaces of its own, routes, health, restart over the same store."""

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.wire.http import Request
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
