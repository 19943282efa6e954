"""What ``top`` says of what a server answers."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from podbay.client.oneshot import OneShotTransport, SyncResponse
from podbay.kubectl.dispatch import dispatch
from podbay.wire import json
from podbay.wire.http import Request

METRICS = "/apis/metrics.k8s.io/v1beta1"
AGES_AGO = "2025-01-01T00:00:00Z"
USED = {"cpu": "1500u", "memory": "3Mi"}


def pod(name: str, created: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "creationTimestamp": created}}


class Server:
    """Answers with what it has been given by path; what it has not is not found."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {METRICS: {"kind": "APIResourceList"}}
        self.asked: list[str] = []

    def has(self, path: str, *items: Any) -> None:
        self.answers[path] = {"kind": "List", "metadata": {}, "items": list(items)}

    def answer(self, request: Request) -> SyncResponse:
        path = urlsplit(request.target).path
        self.asked.append(path)
        if path in self.answers:
            return SyncResponse(200, [], json.encode(self.answers[path]))
        return SyncResponse(404, [], b"404 page not found\n")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    monkeypatch.setattr(OneShotTransport, "send_sync", lambda _, request: found.answer(request))
    return found


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = dispatch(["top", *words, "-s", "http://127.0.0.1:1"])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("words", [["node"], ["node", "n1"], ["pod"], ["pod", "a"], ["pod", "-A"]])
def test_a_server_without_the_metrics_api_is_told_of(
    words: list[str], server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    del server.answers[METRICS]
    assert said(capsys, *words) == (1, "", "error: Metrics API not available\n")


def test_what_one_metrics_api_does_not_know_is_not_found(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = said(capsys, "pod", "a")
    assert code == 1 and "not found" in told


def test_nodes_that_were_not_measured_yet_are_waited_for(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.has(f"{METRICS}/nodes")
    assert said(capsys, "node") == (1, "", "error: metrics not available yet\n")


def test_pods_that_are_young_may_be_measured_soon(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.has(f"{METRICS}/namespaces/default/pods")
    server.has("/api/v1/namespaces/default/pods", pod("young", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
    assert said(capsys, "pod") == (1, "", "error: metrics not available yet\n")


def test_a_pod_that_is_old_should_have_been_measured(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.has(f"{METRICS}/namespaces/default/pods")
    server.has("/api/v1/namespaces/default/pods", pod("old", AGES_AGO))
    code, out, told = said(capsys, "pod")
    assert (code, out) == (1, "") and told.startswith("error: Metrics not available for pod default/old, age: ")


@pytest.mark.parametrize(("words", "where"), [([], " in default namespace."), (["-A"], "")])
def test_no_pods_use_nothing(words: list[str], where: str, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("/pods", "/namespaces/default/pods"):
        server.has(METRICS + path)
        server.has("/api/v1" + path)
    assert said(capsys, "pod", *words) == (0, "", f"No resources found{where}\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["node", "n1", "-l", "x=y"], "only one of NAME or --selector can be provided"),
        (["pod", "a", "-l", "x=y"], "only one of NAME or selector can be provided"),
        (["pod", "a", "--field-selector", "metadata.name=a"], "only one of NAME or selector can be provided"),
        (["pod", "a", "-l", "x=y", "--sort-by=age"], "--sort-by accepts only cpu or memory"),
        (["node", "-l", "=="], "found '==', expected: !, identifier, or 'end of string'"),
        (["pod", "-l", "a in"], "unable to parse requirement: found '' expected: '('"),
        (["pod", "--field-selector", "a"], "invalid selector: 'a'; can't understand 'a'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    words: list[str], told: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, *words) == (1, "", f"error: {told}\n")
    assert server.asked == []


@pytest.mark.parametrize("which", ["node", "pod"])
def test_one_name_is_enough(which: str, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = said(capsys, which, "a", "b")
    assert code == 1 and told.startswith(f"error: {which} [NAME | -l label]\nSee 'podbay top {which} -h' for help")


def test_a_node_that_was_not_measured_is_shown_last(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    has = {"cpu": "1", "memory": "4Mi"}
    server.has(f"{METRICS}/nodes", {"metadata": {"name": "n2"}, "usage": USED})
    server.has(
        "/api/v1/nodes", *({"metadata": {"name": name}, "status": {"allocatable": has}} for name in ("n1", "n2"))
    )
    code, out, _ = said(capsys, "node", "--no-headers")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [["n2", "2m", "0%", "3Mi", "75%"], ["n1", *["<unknown>"] * 4]]


def test_top_alone_shows_its_subcommands_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["top"]) == 1
    out, told = capsys.readouterr()
    assert out == "" and "\n  node   Show what nodes use\n" in told
