"""Bodies that do not fit their kind, at each level of strictness, in upstream's words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity
from podbay.apiserver.server import ApiServer
from podbay.lib.clock import ManualClock
from podbay.store.memory import MemoryStore
from podbay.wire import json
from podbay.wire.http import Headers, Request, Response

PODS = "/api/v1/namespaces/default/pods"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"foo": 1, "containers": [{"name": "c", "image": "x", "imag": "y"}]},
}
PROBLEMS = ['unknown field "spec.foo"', 'unknown field "spec.containers[0].imag"']


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    identity = Identity(user="admin", groups=frozenset({"system:masters"}))
    api = ApiServer(MemoryStore(clock), clock, ApiServerConfig(tokens={"t": identity}))
    await api.start()
    yield api
    await api.close()


async def send(server: ApiServer, method: str, target: str, body: bytes, media: str = "application/json") -> Response:
    headers = Headers([("Authorization", "Bearer t"), ("Content-Type", media)])
    return await server.handle(Request(method=method, target=target, headers=headers, body=body))


def answer(response: Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    found = json.decode(response.body)
    assert isinstance(found, dict)
    return found


def warnings(response: Response) -> list[str]:
    return [value for name, value in response.headers if name == "Warning"]


async def create(server: ApiServer) -> None:
    spec = {"containers": [{"name": "c", "image": "x"}]}
    assert (await send(server, "POST", PODS, json.encode({**POD, "spec": spec}))).status == 201


async def test_strict_refuses_unknown_fields(server: ApiServer) -> None:
    response = await send(server, "POST", f"{PODS}?fieldValidation=Strict", json.encode(POD))
    assert response.status == 400
    assert answer(response)["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: ' + ", ".join(PROBLEMS)
    )
    assert answer(response)["reason"] == "BadRequest"


@pytest.mark.parametrize("query", ["", "?fieldValidation=Warn"])
async def test_warn_drops_unknown_fields_and_tells(server: ApiServer, query: str) -> None:
    response = await send(server, "POST", PODS + query, json.encode(POD))
    assert response.status == 201
    assert warnings(response) == [f'299 - "{p}"' for p in (q.replace('"', '\\"') for q in PROBLEMS)]
    assert "foo" not in answer(response)["spec"]


async def test_ignore_drops_unknown_fields_in_silence(server: ApiServer) -> None:
    response = await send(server, "POST", f"{PODS}?fieldValidation=Ignore", json.encode(POD))
    assert (response.status, warnings(response)) == (201, [])


async def test_duplicate_fields_are_refused_too(server: ApiServer) -> None:
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}'
    response = await send(server, "POST", "/api/v1/namespaces/default/configmaps?fieldValidation=Strict", body)
    assert answer(response)["message"].endswith('strict decoding error: duplicate field "data.x"')


@pytest.mark.parametrize("level", ["Strict", "Warn", "Ignore"])
async def test_a_wrong_type_is_refused_at_every_level(server: ApiServer, level: str) -> None:
    body = json.encode({**POD, "spec": {"restartPolicy": 3}})
    response = await send(server, "POST", f"{PODS}?fieldValidation={level}", body)
    assert (response.status, answer(response)["message"]) == (
        400,
        'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field'
        " PodSpec.spec.restartPolicy of type v1.RestartPolicy",
    )


async def test_a_strict_patch_is_invalid_if_its_result_has_unknown_fields(server: ApiServer) -> None:
    await create(server)
    media = "application/strategic-merge-patch+json"
    target = f"{PODS}/web?fieldValidation=Strict"
    response = await send(server, "PATCH", target, b'{"spec":{"bad":1}}', media)
    text = 'Invalid value: "map[spec:map[bad:1]]": strict decoding error: unknown field "spec.bad"'
    assert (response.status, answer(response)["message"]) == (422, f' "" is invalid: patch: {text}')
    assert answer(response)["details"] == {
        "causes": [{"reason": "FieldValueInvalid", "message": text, "field": "patch"}]
    }


async def test_a_patch_that_leaves_a_wrong_type_is_invalid(server: ApiServer) -> None:
    await create(server)
    media = "application/merge-patch+json"
    response = await send(server, "PATCH", f"{PODS}/web", b'{"metadata":{"labels":{"a":1}}}', media)
    assert response.status == 422
    assert answer(response)["message"].endswith(
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
    )


async def test_duplicate_fields_of_a_patch_are_told(server: ApiServer) -> None:
    await create(server)
    target = f"{PODS}/web?fieldValidation=Warn"
    body = b'{"metadata":{"labels":{"a":"1","a":"2"}}}'
    response = await send(server, "PATCH", target, body, "application/merge-patch+json")
    assert warnings(response) == ['299 - "duplicate field \\"metadata.labels.a\\""']
    operations = b'[{"op":"add","path":"/metadata/labels/b","value":"1","value":"2"}]'
    response = await send(server, "PATCH", target, operations, "application/json-patch+json")
    assert warnings(response) == ['299 - "json patch duplicate field \\"[0].value\\""']
    assert answer(response)["metadata"]["labels"] == {"a": "2", "b": "2"}
