"""What a node and its pods use, told by kubelets and through the API server."""

import json
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, VERSIONS, RealCluster, pod, shell, until

BUSY = (
    f"while :; do :; done & dd if=/dev/zero of=/own bs=1M count=3; dd if=/dev/zero of=/cache/v bs=1M count=5; {SLEEP}"
)


def raw(cluster: RealCluster, node: str, path: str) -> str:
    return cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/{path}").out


def of_pod(cluster: RealCluster, node: str, name: str) -> Any:
    pods = json.loads(raw(cluster, node, "stats/summary"))["pods"]
    return next((each for each in pods if each["podRef"]["name"] == name), None)


@pytest.fixture(scope="module")
def busy(cluster: RealCluster) -> Any:
    """Run a pod that uses processors, memory, a volume and its own layer."""
    mounts = [{"name": "cache", "mountPath": "/cache"}]
    cluster.apply(pod("busy", shell("main", BUSY, volumeMounts=mounts), volumes=[{"name": "cache", "emptyDir": {}}]))
    (found,) = cluster.wait_ready("busy")
    yield found
    cluster.wait_gone("busy")


def test_a_summary_tells_what_a_pod_uses(cluster: RealCluster, busy: Any) -> None:
    node = busy["spec"]["nodeName"]

    def told() -> Any:
        found = of_pod(cluster, node, "busy")
        container = found["containers"][0] if found else {}
        written = container.get("rootfs", {}).get("usedBytes", 0) >= 3 << 20
        rated = container.get("cpu", {}).get("usageNanoCores", 0) > 0
        return found if written and rated and found["volume"][0]["usedBytes"] >= 5 << 20 else None

    found = until(told, "the pod's processor time, layer and volume are measured")
    (container,) = found["containers"]
    assert container["name"] == "main"
    assert container["cpu"]["usageCoreNanoSeconds"] > 0
    assert 0 < container["memory"]["workingSetBytes"] <= found["memory"]["workingSetBytes"]
    assert found["network"]["name"] == "eth0"
    assert found["ephemeral-storage"]["usedBytes"] >= 8 << 20
    assert found["process_stats"]["process_count"] >= 2
    assert found["volume"][0]["name"] == "cache"


def test_a_summary_tells_what_the_node_has(cluster: RealCluster) -> None:
    for name in cluster.nodes():
        node = json.loads(raw(cluster, name, "stats/summary"))["node"]
        assert node["nodeName"] == name
        assert node["memory"]["availableBytes"] > 0
        assert node["runtime"]["imageFs"]["usedBytes"] > 0
        assert 0 < node["rlimit"]["curproc"] < node["rlimit"]["maxpid"]


def test_scrapers_find_every_container(cluster: RealCluster, busy: Any) -> None:
    text = raw(cluster, busy["spec"]["nodeName"], "metrics/resource")
    assert 'container_cpu_usage_seconds_total{container="main",namespace="default",pod="busy"}' in text


def test_a_kubelet_is_asked_through_the_api_server_for_whatever_it_answers(cluster: RealCluster) -> None:
    node = cluster.nodes()[0]
    assert raw(cluster, node, "healthz") == "ok"
    assert json.loads(raw(cluster, node, "pods"))["kind"] == "PodList"
    gone = cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/nothing", check=False)
    assert gone.code == 1 and "page not found" in gone.err


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kubectl_tells_what_is_used(cluster: RealCluster, busy: Any, version: str) -> None:
    def measured() -> bool:
        return cluster.kubectl("top", "pod", "busy", version=version, check=False).code == 0

    until(measured, "the pod is measured")
    head, row = cluster.kubectl("top", "pod", "busy", "--containers", version=version).out.splitlines()
    assert head.split() == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert row.split()[:2] == ["busy", "main"] and row.split()[2] != "0m"
    nodes = cluster.kubectl("top", "node", version=version).out.splitlines()
    assert {line.split()[0] for line in nodes[1:]} == set(cluster.nodes())


@pytest.mark.parametrize(
    "line",
    [
        "top pod",
        "top pod -A",
        "top pods -A --containers --sort-by=cpu",
        "top po busy --no-headers",
        "top pod --sum",
        "top pod -A --containers --sum --no-headers",
        "top pod -l run=nobody",
        "top pod nobody",
        "top pod --sort-by=age",
        "top pod a b",
        "top pod a -l x=y",
        "top node",
        "top nodes --sort-by=memory --show-capacity",
        "top node nobody",
        "top node -l x=y",
        "top other",
        "get podmetrics",
        "get nodes.metrics.k8s.io",
    ],
)
def test_podbay_top_says_what_kubectl_top_says(cluster: RealCluster, busy: Any, line: str) -> None:
    def same() -> bool:
        ours, kubectls = (cli(*line.split(), check=False) for cli in (cluster.podbay, cluster.kubectl))
        said = (ours.code, ours.out, ours.err.replace("podbay", "kubectl"))
        return said == (kubectls.code, kubectls.out, kubectls.err.replace("kubectl.1.33", "kubectl"))

    until(same, "both say the same, for as long as nothing new was measured")


def test_labels_choose_whose_use_is_told(cluster: RealCluster, busy: Any) -> None:
    cluster.kubectl("label", "pod", "busy", "who=me")
    found = cluster.get("podmetrics", "-l", "who=me")["items"]
    assert [(each["metadata"]["name"], each["metadata"]["labels"]) for each in found] == [("busy", {"who": "me"})]
    assert cluster.get("podmetrics", "-l", "who=you")["items"] == []
