"""Lines of the audit log, from what was seen of requests."""

from typing import Any

import pytest

from podbay.apiserver.audit.events import Answer, AuditEvent, source_ips, user_agent
from podbay.apiserver.audit.policy import Level
from podbay.wire import json
from podbay.wire.http import Headers

MANAGED = {"name": "a", "managedFields": [{"manager": "m"}]}


def written(body: Any, level: Level = Level.REQUEST_RESPONSE, **parts: Any) -> Any:
    """Return the line of an event whose answer has a body."""
    data = body if isinstance(body, bytes) else json.encode(body)
    answer = Answer(code=200, body=data)
    return json.decode(AuditEvent(level=level, head={}, tail={}, answer=answer, **parts).line())


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"metadata": MANAGED}, {"metadata": {"name": "a"}}),
        (
            {"metadata": {}, "items": [{"metadata": MANAGED}, 1]},
            {"metadata": {}, "items": [{"metadata": {"name": "a"}}, 1]},
        ),
        (
            {"rows": [{"cells": [], "object": {"metadata": MANAGED}}, {"cells": []}, 1]},
            {"rows": [{"cells": [], "object": {"metadata": {"name": "a"}}}, {"cells": []}, 1]},
        ),
    ],
)
def test_managed_fields_are_left_out_of_objects_lists_and_tables(body: dict[str, Any], shown: dict[str, Any]) -> None:
    head = {"apiVersion": "v1", "kind": "Table" if "rows" in body else "Pod"}
    line = written({**head, **body}, omit_managed_fields=True)
    assert line["responseObject"] == {**head, **shown}
    assert written({**head, **body})["responseObject"] == {**head, **body}


@pytest.mark.parametrize("body", [b"no json", b"[1]", b'{"major":"1"}'])
def test_a_body_that_is_no_object_is_left_out(body: bytes) -> None:
    assert "responseObject" not in written(body)


def test_a_status_is_told_on_every_level_and_only_its_own_fields() -> None:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {"continue": "x"}, "status": "Failure", "code": 410}
    line = written(status, Level.METADATA)
    assert line["responseStatus"] == {"metadata": {}, "status": "Failure", "code": 200}
    assert "responseObject" not in line


@pytest.mark.parametrize(
    ("headers", "remote", "found"),
    [
        ([], "10.0.0.9", ["10.0.0.9"]),
        ([("X-Forwarded-For", "10.0.0.1, 10.0.0.2")], "10.0.0.9", ["10.0.0.1", "10.0.0.2", "10.0.0.9"]),
        ([("X-Forwarded-For", "10.0.0.9")], "10.0.0.9", ["10.0.0.9"]),
        ([("X-Forwarded-For", "10.0.0.1"), ("X-Real-Ip", "10.0.0.1")], "", ["10.0.0.1"]),
        ([("X-Real-Ip", "fd00::1")], "10.0.0.9", ["fd00::1", "10.0.0.9"]),
        ([("X-Real-Ip", "nobody")], "", []),
    ],
)
def test_the_last_address_is_the_one_that_nobody_could_make_up(
    headers: list[tuple[str, str]], remote: str, found: list[str]
) -> None:
    assert source_ips(Headers(headers), remote) == found


def test_a_name_of_a_client_that_is_too_long_is_cut() -> None:
    assert user_agent(Headers([("User-Agent", "x" * 1025)])) == "x" * 1024 + "...TRUNCATED"
