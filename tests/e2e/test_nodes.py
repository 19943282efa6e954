"""Two nodes: pods of both reach each other, and the host and every stream reach both."""

from collections.abc import Iterator

import pytest

from tests.e2e.harness import VERSIONS, RealCluster, fetch, pod


@pytest.fixture(scope="module")
def spread(cluster: RealCluster) -> Iterator[dict[str, str]]:
    """One kubia on each node: name -> address."""
    names = {f"kubia-{index}": node for index, node in enumerate(cluster.nodes(), 1)}
    cluster.apply(
        *(pod(name, {"name": "kubia", "image": "wanstack/kubia"}, nodeName=node) for name, node in names.items())
    )
    found = cluster.wait_ready(*names)
    assert {p["metadata"]["name"]: p["spec"]["nodeName"] for p in found} == names
    yield {p["metadata"]["name"]: p["status"]["podIP"] for p in found}
    cluster.wait_gone(*names)


def test_every_pod_reaches_every_pod_by_its_address(cluster: RealCluster, spread: dict[str, str]) -> None:
    for source in spread:
        for target, address in spread.items():
            answer = cluster.exec(source, "wget", "-q", "-O", "-", f"http://{address}:8080")
            assert answer == f"You've hit {target}\n", f"from {source} to {target}"


def test_the_host_reaches_every_pod(spread: dict[str, str]) -> None:
    for name, address in spread.items():
        assert fetch(f"http://{address}:8080") == f"You've hit {name}\n"


def test_addresses_come_from_the_range_of_the_node(cluster: RealCluster, spread: dict[str, str]) -> None:
    ranges = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in cluster.get("nodes")["items"]}
    assert len(set(ranges.values())) == 2
    for name, address in spread.items():
        cidr = ranges[cluster.get("pod", name)["spec"]["nodeName"]]
        assert address.rpartition(".")[0] == cidr.partition("/")[0].rpartition(".")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_streams_of_every_kubectl_reach_both_nodes(cluster: RealCluster, spread: dict[str, str], version: str) -> None:
    for name in spread:
        assert "Kubia server starting..." in cluster.kubectl("logs", name, version=version).out
        ended = cluster.kubectl("exec", name, "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False,
                                version=version)  # fmt: skip
        assert (ended.code, ended.out) == (7, "out\n")
        assert ended.err.startswith("err\n")
        echoed = cluster.kubectl("exec", "-i", name, "--", "cat", stdin="half closed", version=version)
        assert echoed.out == "half closed"
        with cluster.port_forward(name, 8080, version=version) as (url, _):
            assert fetch(url) == f"You've hit {name}\n"


def test_every_node_tells_what_it_is(cluster: RealCluster) -> None:
    for node in cluster.get("nodes")["items"]:
        labels = node["metadata"]["labels"]
        assert labels["kubernetes.io/hostname"] == node["metadata"]["name"]
        assert {"kubernetes.io/os", "kubernetes.io/arch"} <= set(labels)
        assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"] == "True"
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")
        assert {"cpu", "memory", "pods"} <= set(node["status"]["allocatable"])
    leases = cluster.get("leases", "-n", "kube-node-lease")["items"]
    assert sorted(lease["metadata"]["name"] for lease in leases) == cluster.nodes()
