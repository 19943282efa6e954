"""Requests are built and answers are read in one place, for every transport."""

import pytest

from podbay.api.errors import AlreadyExists, InternalError, NotFound, StatusError
from podbay.api.resources import EVENTS_V1, LEASES, NODES, PODS
from podbay.client.requests import Query, body_of, error_of, object_of, path, request
from podbay.wire import json
from podbay.wire.http import Response


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (path(PODS, namespace="default"), "/api/v1/namespaces/default/pods"),
        (path(PODS), "/api/v1/pods"),
        (path(PODS, namespace="a", name="b", subresource="log"), "/api/v1/namespaces/a/pods/b/log"),
        (path(NODES, name="n1"), "/api/v1/nodes/n1"),
        (path(NODES, namespace="ignored", name="n1"), "/api/v1/nodes/n1"),
        (path(LEASES, namespace="n", name="l"), "/apis/coordination.k8s.io/v1/namespaces/n/leases/l"),
        (path(EVENTS_V1), "/apis/events.k8s.io/v1/events"),
        (path(PODS, namespace="a", name="b/../../c"), "/api/v1/namespaces/a/pods/b%2F..%2F..%2Fc"),
        (path(PODS, namespace="a", name="b?c#d"), "/api/v1/namespaces/a/pods/b%3Fc%23d"),
    ],
)
def test_a_path_names_what_it_goes_to_and_nothing_else(built: str, expected: str) -> None:
    assert built == expected


def test_a_query_leaves_out_what_is_not_said_and_repeats_lists() -> None:
    query: Query = {
        "watch": True,
        "pretty": False,
        "limit": 500,
        "command": ["sh", "-c", "a b"],
        "dryRun": None,
        "x": "a&b=",
    }
    assert request("GET", "/p", query).target == (
        "/p?watch=true&pretty=false&limit=500&command=sh&command=-c&command=a+b&x=a%26b%3D"
    )
    assert request("GET", "/p", {"a": None}).target == "/p"


def test_a_body_is_encoded_and_named_only_if_there_is_one() -> None:
    asked = request("POST", "/p", body={"a": 1}, user_agent="me")
    assert asked.body == b'{"a":1}'
    assert (asked.headers.get("Content-Type"), asked.headers.get("User-Agent")) == ("application/json", "me")
    raw = request("PATCH", "/p", body=b"raw", content_type="application/x")
    assert (raw.body, raw.headers.get("Content-Type")) == (b"raw", "application/x")
    empty = request("GET", "/p", accept="text/plain")
    assert (empty.body, empty.headers.get("Content-Type"), empty.headers.get("Accept")) == (b"", "", "text/plain")


def test_a_good_answer_is_its_object() -> None:
    response = Response(status=201, headers=[], body=b'{"kind":"Pod"}')
    assert object_of(response) == {"kind": "Pod"} and body_of(response) == b'{"kind":"Pod"}'


def test_a_status_is_raised_as_the_class_of_its_reason_and_kept_whole() -> None:
    status = {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "AlreadyExists", "code": 409,
        "message": 'pods "p" already exists', "details": {"name": "p", "kind": "pods"},
    }  # fmt: skip
    with pytest.raises(AlreadyExists) as caught:
        object_of(Response(status=409, headers=[], body=json.encode(status)))
    assert caught.value.as_status() == status and caught.value.details["name"] == "p"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, b"page not found\n", NotFound, "page not found"),
        (500, b"", InternalError, "the server answered with status 500"),
        (404, b'{"kind":"Other"}', NotFound, '{"kind":"Other"}'),
        (418, b"\xff", InternalError, "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_an_answer_that_is_no_status_is_an_error_all_the_same(
    status: int, body: bytes, kind: type[StatusError], message: str
) -> None:
    error = error_of(status, body)
    assert type(error) is kind and error.message == message
    assert error.as_status()["code"] == status


def test_a_status_without_a_code_takes_the_answers() -> None:
    assert error_of(404, b'{"kind":"Status","message":"m"}').as_status()["code"] == 404
