"""Requests and answers: the paths, queries and bodies that a server sees, and the errors that come back."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.errors import Conflict, InternalError, NotFound, ServiceUnavailable
from podbay.api.resources import LEASES, NAMESPACES, NODES, PODS
from podbay.client.requests import error_of, path, request
from podbay.client.rest import Rest
from podbay.wire import json
from podbay.wire.http import Request, Response
from tests.unit.client.scripted import ScriptedServer, pod


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (path(PODS), "/api/v1/pods"),
        (path(PODS, namespace="a"), "/api/v1/namespaces/a/pods"),
        (path(PODS, namespace="a", name="b", subresource="status"), "/api/v1/namespaces/a/pods/b/status"),
        (path(NODES, namespace="ignored", name="n"), "/api/v1/nodes/n"),
        (path(NAMESPACES, name="a"), "/api/v1/namespaces/a"),
        (path(LEASES, namespace="a"), "/apis/coordination.k8s.io/v1/namespaces/a/leases"),
        (path(PODS, namespace="a", name="b/c ü"), "/api/v1/namespaces/a/pods/b%2Fc%20%C3%BC"),
    ],
)
def test_a_path_has_group_namespace_name_and_subresource(made: str, expected: str) -> None:
    assert made == expected


def test_a_query_leaves_out_what_is_none_and_repeats_lists() -> None:
    query = {"a": "x=y,z", "no": None, "watch": True, "limit": 5, "command": ["ls", "-l"]}
    assert request("GET", "/p", query).target == "/p?a=x%3Dy%2Cz&watch=true&limit=5&command=ls&command=-l"
    assert request("GET", "/p").target == "/p"


def test_a_body_is_json_unless_it_is_bytes() -> None:
    assert request("POST", "/p", body={"a": 1}).body == b'{"a":1}'
    assert request("POST", "/p", body=b"raw", content_type="text/plain").headers.get("content-type") == "text/plain"


async def test_each_verb_asks_as_it_should() -> None:
    server = ScriptedServer()
    rest = server.rest()
    await rest.get(PODS, "a", namespace="ns")
    await rest.list(PODS, namespace="ns", query={"labelSelector": "a=b"})
    await rest.create(PODS, pod("a"), namespace="ns")
    await rest.update(PODS, pod("a"), subresource="status")
    await rest.patch(PODS, "a", {"spec": None}, namespace="ns")
    await rest.delete(PODS, "a", namespace="ns", options={"gracePeriodSeconds": 0})
    await rest.delete_collection(PODS, namespace="ns")
    assert server.lines == [
        "GET /api/v1/namespaces/ns/pods/a",
        "GET /api/v1/namespaces/ns/pods?labelSelector=a%3Db",
        "POST /api/v1/namespaces/ns/pods",
        "PUT /api/v1/namespaces/default/pods/a/status",
        "PATCH /api/v1/namespaces/ns/pods/a",
        "DELETE /api/v1/namespaces/ns/pods/a",
        "DELETE /api/v1/namespaces/ns/pods",
    ]
    assert server.asked[4].headers.get("content-type") == "application/strategic-merge-patch+json"
    assert server.bodies[5] == {"gracePeriodSeconds": 0}
    assert server.asked[0].headers.get("user-agent") == "tester"


async def test_what_the_server_says_is_raised_as_the_class_of_its_reason() -> None:
    with pytest.raises(NotFound, match='pods "a" not found') as caught:
        await ScriptedServer(NotFound.object("", "pods", "a")).rest().get(PODS, "a", namespace="ns")
    assert caught.value.details == {"name": "a", "kind": "pods"}
    with pytest.raises(Conflict):
        await ScriptedServer(Conflict("changed")).rest().update(PODS, pod("a"))


def test_an_answer_that_is_no_status_is_an_error_all_the_same() -> None:
    assert isinstance(error_of(503, b"<html>busy</html>"), ServiceUnavailable)
    assert error_of(503, b"busy").message == "busy"
    assert isinstance(error_of(502, b""), InternalError)
    assert error_of(502, b"").message == "the server answered with status 502"


class Chunked:
    """A transport whose answers come in the chunks that it was given."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def send(self, asked: Request) -> Response:
        return Response(status=200, stream=self._stream())

    async def close(self) -> None:
        """Do nothing."""

    async def _stream(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def test_frames_that_come_together_are_given_together_and_cut_ones_are_joined() -> None:
    frame = json.encode({"type": "ADDED", "object": {"a": 1}}) + b"\n"
    async with Rest(Chunked(frame + frame[:7], frame[7:] + frame), "tester").watch(PODS) as batches:
        assert [len(batch) async for batch in batches] == [1, 2]


async def test_a_watch_that_is_refused_raises() -> None:
    with pytest.raises(NotFound):
        async with ScriptedServer(NotFound("no")).rest().watch(PODS):
            pass
