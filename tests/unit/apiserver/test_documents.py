"""Documents about the server: their types, their tags, and that clients fetch them once."""

import pytest

from podbay.wire import json
from podbay.wire.http import Headers, Request, Response
from tests.unit.apiserver.support import ADMIN, MAPS, Api

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


async def get(api: Api, target: str, accept: str = "*/*", **headers: str) -> Response:
    named = [("Accept", accept), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return await api.server.handle(Request(method="GET", target=target, headers=Headers(named), peer=ADMIN))


def field(response: Response, name: str) -> str:
    return Headers(response.headers).get(name)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (f"{DISCOVERY.format('v2')},{DISCOVERY.format('v2beta1')},application/json", DISCOVERY.format("v2")),
        (f"{DISCOVERY.format('v2beta1')},application/json", DISCOVERY.format("v2beta1")),
        ("application/json", "application/json"),
        (f"application/json,{DISCOVERY.format('v2')}", "application/json"),
    ],
)
async def test_discovery_is_in_the_first_form_that_a_client_takes(api: Api, accept: str, media: str) -> None:
    for path in ("/api", "/apis"):
        answer = await get(api, path, accept)
        assert (answer.status, field(answer, "Content-Type")) == (200, media)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/apis", DISCOVERY.format("v2")),
        ("/openapi/v2", "application/json"),
        ("/openapi/v2", V2_PROTOBUF),
        ("/openapi/v3", "*/*"),
    ],
)
async def test_what_a_client_has_is_not_sent_again(api: Api, path: str, accept: str) -> None:
    first = await get(api, path, accept)
    again = await get(api, path, accept, If_None_Match=field(first, "ETag"))
    assert (again.status, again.body) == (304, b"")
    assert (await get(api, path, accept, If_None_Match='"other"')).status == 200


async def test_an_openapi_document_is_kept_for_ever_under_its_own_hash_only(api: Api) -> None:
    index = json.decode((await get(api, "/openapi/v3")).body)
    for path, entry in index["paths"].items():
        url = entry["serverRelativeURL"]
        found = await get(api, url)
        assert field(found, "Cache-Control") == "public, immutable"
        assert field(found, "ETag") == f'"{url.partition("hash=")[2]}"'
        stale = await get(api, f"/openapi/v3/{path}?hash=STALE")
        assert (stale.status, field(stale, "Location")) == (301, url)
        assert field(await get(api, f"/openapi/v3/{path}"), "Cache-Control") == "no-cache, private"


async def test_other_answers_are_kept_by_nobody(api: Api) -> None:
    for path in (MAPS, f"{MAPS}/nope", "/version", "/readyz"):
        assert field(await get(api, path), "Cache-Control") == "no-cache, private"


async def test_a_watch_is_not_told_in_yaml(api: Api) -> None:
    refused = await api.call("GET", f"{MAPS}?watch=1", accept="application/yaml", status=406)
    assert refused["reason"] == "NotAcceptable"
