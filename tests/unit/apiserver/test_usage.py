from typing import Any

import pytest

from podbay.apiserver.usage import node_metrics, pod_metrics
from podbay.wire.table.usage import cells
from podbay.wire.times import parse_time
from tests.unit.apiserver.support import Api

NOW = "2026-01-01T00:00:00Z"
POD = {"metadata": {"name": "p", "namespace": "d", "uid": "u", "labels": {"a": "b"}}, "spec": {"nodeName": "n"}}


def measured(cpu: int | None = 1_500_000, memory: int = 3 << 20, at: str = NOW) -> dict[str, Any]:
    rate = {} if cpu is None else {"usageNanoCores": cpu}
    return {"cpu": {"time": at, **rate}, "memory": {"workingSetBytes": memory}}


def summaries(*containers: dict[str, Any]) -> dict[str, Any]:
    named = [{"name": f"c{number}", **each} for number, each in enumerate(containers)]
    return {"n": {"node": measured(), "pods": [{"podRef": {"uid": "u"}, "containers": named}]}}


def test_a_pod_is_told_of_by_container_with_its_labels() -> None:
    found = pod_metrics(POD, summaries(measured(), measured(at="2025-12-31T23:59:50Z")), NOW)
    assert found == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {"name": "p", "namespace": "d", "labels": {"a": "b"}, "creationTimestamp": NOW},
        "timestamp": "2025-12-31T23:59:50Z",
        "window": "10s",
        "containers": [{"name": name, "usage": {"cpu": "1500u", "memory": "3Mi"}} for name in ("c0", "c1")],
    }
    assert cells(found, parse_time(NOW)) == ["p", "3m", "6Mi", "10s"]


def test_a_pod_of_which_one_container_was_not_measured_yet_is_left_out() -> None:
    assert pod_metrics(POD, summaries(measured(), measured(cpu=None)), NOW) is None
    assert pod_metrics(POD, {}, NOW) is None
    assert pod_metrics({**POD, "spec": {}}, summaries(measured()), NOW) is None


def test_a_node_whose_kubelet_is_silent_is_left_out() -> None:
    node = {"metadata": {"name": "n"}}
    found = node_metrics(node, summaries(), NOW)
    assert found is not None and found["usage"] == {"cpu": "1500u", "memory": "3Mi"}
    assert node_metrics(node, {}, NOW) is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nodes/x", 'nodemetrics.metrics.k8s.io "x" not found'),
        ("namespaces/d/pods/x", 'podmetrics.metrics.k8s.io "d/x" not found'),
    ],
)
async def test_what_is_not_there_is_not_found_by_its_own_kind(api: Api, path: str, told: str) -> None:
    found = await api.call("GET", f"/apis/metrics.k8s.io/v1beta1/{path}", status=404)
    assert found["message"] == told


async def test_nothing_of_it_can_be_made_or_watched(api: Api) -> None:
    found = await api.call("GET", "/apis/metrics.k8s.io/v1beta1/nodes", status=200)
    assert (found["kind"], found["items"]) == ("NodeMetricsList", [])
    await api.call("GET", "/apis/metrics.k8s.io/v1beta1/nodes?watch=1", status=405)
