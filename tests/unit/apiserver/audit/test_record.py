"""What the audit log says of requests, from their coming to the end of their answers."""

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import NAMESPACES
from podbay.apiserver.audit.log import AuditLog
from podbay.apiserver.audit.log_file import LogFile
from podbay.apiserver.audit.policy_file import parse_audit_policy
from podbay.apiserver.audit.record import Auditor
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity
from podbay.apiserver.server import ApiServer
from podbay.wire import json
from podbay.wire.http import Headers, PeerCertificate, Request, Response
from tests.unit.apiserver.support import ADMIN, MAPS, PODS, Api, config_map, pod

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
ALL = f"{HEAD}rules: [{{level: RequestResponse}}]\n"
METADATA = f"{HEAD}rules: [{{level: Metadata}}]\n"
DECISION = "authorization.k8s.io/decision"
REASON = "authorization.k8s.io/reason"
ANN = PeerCertificate("ann")


class Audited(Api):
    """A server whose log can be read."""

    def __init__(self, path: Path, policy: str) -> None:
        super().__init__()
        self.log = AuditLog(LogFile(str(path), self.clock))
        self.log.open()
        self._path = path
        config = ApiServerConfig(
            auditor=Auditor(parse_audit_policy(policy), self.log, self.clock),
            tokens={"secret": Identity("bob")},
        )
        self.server = ApiServer(self.store, self.clock, config)

    async def events(self) -> list[dict[str, Any]]:
        """Return what was written since the last time."""
        await self.log.written()
        lines = self._path.read_bytes().splitlines()
        self._path.write_bytes(b"")
        return [json.decode(line) for line in lines]

    async def complete(self) -> dict[str, Any]:
        """Return the one event of a complete answer."""
        (event,) = [event for event in await self.events() if event["stage"] == "ResponseComplete"]
        return event

    async def close(self) -> None:
        await super().close()
        await self.log.close()


Serve = Callable[[str], Coroutine[Any, Any, Audited]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Give a function that starts a server with a policy."""
    served: list[Audited] = []

    async def start(policy: str) -> Audited:
        api = Audited(tmp_path / "audit.log", policy)
        await api.server.start()
        served.append(api)
        return api

    yield start
    for api in served:
        await api.close()


async def test_a_request_is_told_when_it_comes_and_when_its_answer_is_complete(serve: Serve) -> None:
    api = await serve(METADATA)
    headers = Headers([("User-Agent", "me/1"), ("X-Forwarded-For", "10.0.0.1, nobody"), ("Audit-ID", "mine")])
    target = f"{MAPS}?limit=5"
    request = Request(method="GET", target=target, headers=headers, peer=ADMIN, remote="127.0.0.1")
    answer = await api.server.handle(request)
    assert ("Audit-Id", "mine") in answer.headers
    came, complete = await api.events()
    assert came == {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "mine",
        "stage": "RequestReceived",
        "requestURI": target,
        "verb": "list",
        "user": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
        "sourceIPs": ["10.0.0.1", "127.0.0.1"],
        "userAgent": "me/1",
        "objectRef": {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"},
        "requestReceivedTimestamp": came["stageTimestamp"],
        "stageTimestamp": came["stageTimestamp"],
    }
    assert complete == {
        **came,
        "stage": "ResponseComplete",
        "responseStatus": {"metadata": {}, "code": 200},
        "annotations": {DECISION: "allow", REASON: ""},
    }


async def test_an_answer_carries_the_number_that_the_log_has(serve: Serve) -> None:
    api = await serve(METADATA)
    answer = await api.send("GET", "/version")
    event = await api.complete()
    assert ("Audit-Id", event["auditID"]) in answer.headers
    assert "objectRef" not in event


async def test_metadata_has_the_name_of_what_is_made_and_no_bodies(serve: Serve) -> None:
    api = await serve(METADATA)
    await api.create(MAPS, config_map("a", key="value"))
    event = await api.complete()
    assert event["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "a", "apiVersion": "v1"}
    assert event["responseStatus"] == {"metadata": {}, "code": 201}
    assert event.keys().isdisjoint({"requestObject", "responseObject"})


async def test_a_request_is_written_as_it_was_and_an_answer_as_it_is(serve: Serve) -> None:
    api = await serve(ALL)
    made = await api.create(MAPS, config_map("a", key="value"))
    event = await api.complete()
    assert event["requestObject"]["data"] == {"key": "value"}
    assert "uid" not in event["requestObject"]["metadata"]
    assert event["responseObject"] == made


async def test_the_request_level_has_no_answer_and_a_patch_is_written_as_it_came(serve: Serve) -> None:
    api = await serve(f"{HEAD}rules: [{{level: Request}}]\n")
    await api.create(MAPS, config_map("a"))
    await api.events()
    patch = {"data": {"b": "c"}}
    await api.call("PATCH", f"{MAPS}/a", patch, media="application/merge-patch+json")
    event = await api.complete()
    assert (event["requestObject"], "responseObject" in event) == (patch, False)


async def test_the_options_of_a_deletion_are_its_object_and_its_status_is_told(serve: Serve) -> None:
    api = await serve(ALL)
    await api.create(MAPS, config_map("a"))
    await api.events()
    await api.call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Background"})
    event = await api.complete()
    assert event["requestObject"] == {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    assert (event["responseStatus"]["status"], event["responseStatus"]["code"]) == ("Success", 200)
    assert event["responseStatus"]["details"]["name"] == "a"


async def test_a_secret_and_a_token_are_written_as_the_policy_says(serve: Serve) -> None:
    """As upstream, which leaves nothing out: a policy has to keep them at Metadata."""
    api = await serve(ALL)
    target = "/api/v1/namespaces/default/serviceaccounts/default/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
    given = await api.create(target, asked)
    event = await api.complete()
    assert event["responseObject"]["status"]["token"] == given["status"]["token"]
    assert event["objectRef"]["subresource"] == "token"


async def test_an_answer_in_yaml_is_written_as_json(serve: Serve) -> None:
    api = await serve(ALL)
    await api.send("GET", f"{MAPS}", accept="application/yaml")
    assert (await api.complete())["responseObject"]["kind"] == "ConfigMapList"


async def test_a_refusal_is_told_with_its_status(serve: Serve) -> None:
    api = await serve(ALL)
    refused = await api.call("GET", f"{MAPS}/none", status=404)
    event = await api.complete()
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "none" not found',
        "reason": "NotFound",
        "details": {"name": "none", "kind": "configmaps"},
        "code": 404,
    }
    assert event["responseObject"] == refused


async def test_who_may_not_is_told_with_the_decision_and_nothing_of_the_body(serve: Serve) -> None:
    api = await serve(ALL)
    await api.call("POST", MAPS, config_map("a"), status=403, peer=ANN)
    event = await api.complete()
    assert event["annotations"] == {DECISION: "forbid", REASON: ""}
    assert (event["user"]["username"], event["responseStatus"]["reason"]) == ("ann", "Forbidden")
    assert "requestObject" not in event


async def test_a_node_is_told_why_it_may_not(serve: Serve) -> None:
    api = await serve(METADATA)
    node = PeerCertificate("system:node:n1", ("system:nodes",))
    await api.call("GET", "/api/v1/namespaces/default/secrets/s", status=403, peer=node)
    assert (await api.complete())["annotations"][REASON] == "no relationship found between node 'n1' and this object"


async def test_who_is_not_known_is_told_once_as_the_answer_begins(serve: Serve) -> None:
    api = await serve(METADATA)
    await api.call("GET", MAPS, status=401, peer=None)
    (event,) = await api.events()
    assert (event["stage"], event["user"]) == ("ResponseStarted", {})
    assert event["responseStatus"] == {
        "metadata": {}, "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401,
    }  # fmt: skip


async def test_who_acts_as_somebody_else_is_told_as_both(serve: Serve) -> None:
    api = await serve(METADATA)
    headers = Headers([("Impersonate-User", "ann"), ("Impersonate-Group", "people")])
    await api.server.handle(Request(method="GET", target="/version", headers=headers, peer=ADMIN))
    event = await api.complete()
    assert event["user"]["username"] == "admin"
    assert event["impersonatedUser"] == {"username": "ann", "groups": ["people", "system:authenticated"]}


async def test_a_watch_is_told_as_it_begins_and_when_it_is_closed(serve: Serve) -> None:
    api = await serve(ALL)
    response = await api.send("GET", f"{MAPS}?watch=1")
    assert [event["stage"] for event in await api.events()] == ["RequestReceived", "ResponseStarted"]
    assert response.stream is not None
    await response.stream.aclose()  # type: ignore[attr-defined]  # every stream here can be closed
    (event,) = await api.events()
    assert (event["stage"], event["responseStatus"]) == ("ResponseComplete", {"metadata": {}, "code": 200})
    assert "responseObject" not in event


async def test_a_watch_that_ends_by_itself_is_told_once(serve: Serve) -> None:
    api = await serve(f"{HEAD}omitStages: [RequestReceived]\nrules: [{{level: Metadata, verbs: [watch]}}]\n")
    frames = await api.watch(f"{MAPS}?watch=1&resourceVersion=1")
    await api.server.close()
    with pytest.raises(StopAsyncIteration):
        while True:
            await frames.next()
    assert [event["stage"] for event in await api.events()] == ["ResponseStarted", "ResponseComplete"]


async def test_an_error_that_nobody_thought_of_is_a_panic(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    api = await serve(METADATA)

    async def broken(*_: Any) -> Response:
        raise RuntimeError("broken")

    monkeypatch.setattr(api.server, "_answer_resource", broken)
    await api.call("GET", MAPS, status=500)
    came, panic = await api.events()
    assert (came["stage"], panic["stage"]) == ("RequestReceived", "Panic")
    assert panic["responseStatus"] == {
        "metadata": {}, "status": "Failure", "message": "APIServer panic'd: broken", "reason": "InternalError",
        "code": 500,
    }  # fmt: skip


async def test_managed_fields_are_left_out_where_the_policy_says_so(serve: Serve) -> None:
    api = await serve(f"{HEAD}omitManagedFields: true\nrules: [{{level: Request}}]\n")
    made = config_map("a")
    made["metadata"]["managedFields"] = [{"manager": "m", "operation": "Update"}]
    await api.create(MAPS, made)
    assert (await api.complete())["requestObject"]["metadata"] == {"name": "a"}


async def test_what_the_policy_does_not_want_leaves_nothing(serve: Serve) -> None:
    api = await serve(f"{HEAD}rules: [{{level: None, verbs: [list]}}, {{level: Metadata}}]\n")
    await api.call("GET", MAPS)
    assert await api.events() == []


@pytest.mark.parametrize(
    ("labels", "status", "annotations"),
    [
        ({}, 201, {"enforce-policy": "privileged:latest"}),
        (
            {"audit": "baseline", "audit-version": "v1.30"},
            201,
            {
                "enforce-policy": "privileged:latest",
                "audit-violations": 'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)',
            },
        ),
        (
            {"enforce": "baseline", "audit": "baseline"},
            403,
            {
                "enforce-policy": "baseline:latest",
                "audit-violations": 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
            },
        ),
        ({"enforce": "privileged", "warn": "baseline"}, 201, {"enforce-policy": "privileged:latest"}),
    ],
)
async def test_pod_security_tells_what_it_enforced_and_what_it_would_not_have_let_in(
    serve: Serve, labels: dict[str, str], status: int, annotations: dict[str, str]
) -> None:
    api = await serve(f"{HEAD}rules: [{{level: Metadata, resources: [{{resources: [pods]}}]}}]\n")
    prefix = "pod-security.kubernetes.io/"
    space = {"name": "s", "labels": {prefix + name: value for name, value in labels.items()}}
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": space})
    await api.call("POST", PODS.replace("default", "s"), pod("x", hostNetwork=True), status=status)
    told = (await api.complete())["annotations"]
    assert {name: value for name, value in told.items() if name.startswith(prefix)} == {
        prefix + name: value for name, value in annotations.items()
    }


async def test_a_server_without_a_policy_answers_as_ever(api: Api) -> None:
    answer = await api.send("GET", "/version")
    assert "Audit-Id" not in dict(answer.headers)


async def test_labels_that_mean_nothing_are_told_with_the_pod_that_was_judged_by_them(serve: Serve) -> None:
    api = await serve(METADATA)
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "s"}})
    objects = api.server.objects
    entry = await objects.get(NAMESPACES, "", "s")
    old = entry.object()
    old["metadata"]["labels"] = {"pod-security.kubernetes.io/audit": "strict"}
    await objects.update(NAMESPACES, entry, old)
    await api.events()
    await api.create(PODS.replace("default", "s"), pod("x"))
    told = (await api.complete())["annotations"]
    assert told["pod-security.kubernetes.io/error"] == (
        'Failed to parse policy: metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "strict": must be'
        " one of privileged, baseline, restricted"
    )
    assert told["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"


async def test_bytes_that_are_no_text_hide_no_request(serve: Serve) -> None:
    """A client's headers may hold anything; the event that they are in is written all the same."""
    api = await serve(ALL)
    odd = b"od\xffd".decode(errors="surrogateescape")
    headers = Headers([("User-Agent", odd), ("Audit-ID", odd), ("Impersonate-User", odd)])
    answer = await api.server.handle(Request(method="GET", target=f"/{odd}", headers=headers, peer=ADMIN))
    assert ("Audit-Id", "od\ufffdd") in answer.headers
    event = await api.complete()
    assert (event["userAgent"], event["auditID"]) == ("od\ufffdd", "od\ufffdd")
    assert event["impersonatedUser"]["username"] == "od\ufffdd"
    assert event["responseStatus"]["code"] == answer.status


async def test_metrics_count_what_is_audited_and_what_was_lost(serve: Serve) -> None:
    api = await serve(f"{HEAD}omitStages: [RequestReceived]\nrules: [{{level: Metadata, verbs: [list]}}]\n")
    await api.call("GET", MAPS)
    await api.events()
    for _ in range(2):
        text = (await api.send("GET", "/metrics")).body.decode()
        assert "apiserver_audit_event_total 1.0" in text
        assert 'apiserver_audit_error_total{plugin="log"} 0.0' in text
