"""Pods that reach each other, nodes that reach pods, and ports of a node that lead to pods."""

from collections.abc import Iterator

import pytest

from tests.e2e.harness import Pod, RealCluster, pod, until
from tests.e2e.images import TESTER

pytestmark = pytest.mark.e2e
SERVER = {"name": "webserver", "image": TESTER, "command": ["/netexec"]}
CLIENT = {"name": "client", "image": TESTER}


def ask(cluster: RealCluster, client: str, protocol: str, address: str, port: int) -> str:
    """Return the name that a server tells a client, at the latest after a few tries."""
    by = {
        "http": ["timeout", "5", "wget", "-q", "-O", "-", f"http://{address}:{port}/hostname"],
        "udp": ["sh", "-c", f"echo hostname | nc.openbsd -u -w 1 -W 1 {address} {port}"],
    }

    def told() -> str:
        return cluster.kubectl("exec", client, "--", *by[protocol], check=False).out.strip()

    return str(until(told, f"{address}:{port} answers {client} over {protocol}"))


@pytest.fixture(scope="module")
def servers(cluster: RealCluster, tester: str) -> Iterator[list[Pod]]:
    """Give a server on every node, beside a client of its own and one in the host's network."""
    assert tester == TESTER
    made = [pod(f"netserver-{i}", SERVER, nodeName=node) for i, node in enumerate(cluster.nodes())]
    names = [each["metadata"]["name"] for each in made]
    clients = [pod("test-container-pod", CLIENT)]
    clients += [
        pod(f"host-test-container-pod-{i}", CLIENT, nodeName=node, hostNetwork=True)
        for i, node in enumerate(cluster.nodes())
    ]
    helpers = [each["metadata"]["name"] for each in clients]
    cluster.apply(*made, *clients)
    try:
        cluster.wait_ready(*helpers)
        yield cluster.wait_ready(*names)
    finally:
        cluster.wait_gone(*names, *helpers)


@pytest.mark.parametrize(("protocol", "port"), [("http", 8080), ("udp", 8081)])
def test_pods_reach_pods_on_every_node(cluster: RealCluster, servers: list[Pod], protocol: str, port: int) -> None:
    """[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: http
    [NodeConformance]
    [sig-network] Networking Granular Checks: Pods should function for intra-pod communication: udp [NodeConformance]

    Compared with test/e2e/common/network/networking.go
    Upstream's assertions, and where they are made here:
    - a server pod on every node is asked from one client pod, at its own address, and what it answers within the tries
      allowed is its own name and no other: the loop
    """
    for server in servers:
        address = server["status"]["podIP"]
        assert ask(cluster, "test-container-pod", protocol, address, port) == server["metadata"]["name"]


@pytest.mark.parametrize(("protocol", "port"), [("http", 8080), ("udp", 8081)])
def test_nodes_reach_pods_on_every_node(cluster: RealCluster, servers: list[Pod], protocol: str, port: int) -> None:
    """[sig-network] Networking Granular Checks: Pods should function for node-pod communication: http [LinuxOnly]
    [NodeConformance]
    [sig-network] Networking Granular Checks: Pods should function for node-pod communication: udp [LinuxOnly]
    [NodeConformance]

    Compared with test/e2e/common/network/networking.go
    Upstream's assertions, and where they are made here:
    - a server pod on every node is asked from a pod in the host's network (here of each node), and what it answers
      within the tries allowed is its own name and no other: the loops
    """
    for client in (f"host-test-container-pod-{i}" for i in range(len(servers))):
        for server in servers:
            address = server["status"]["podIP"]
            assert ask(cluster, client, protocol, address, port) == server["metadata"]["name"]


def test_host_ports_with_another_address_or_protocol_do_not_conflict(cluster: RealCluster, tester: str) -> None:
    """[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP
    and protocol [LinuxOnly]

    Compared with test/e2e/network/hostport.go
    Upstream's assertions, and where they are made here:
    - three pods on one node become ready with the same host port: one at 127.0.0.1, one at the node's address, one
      there over UDP: ``wait_ready``
    - from the host's network the first answers at 127.0.0.1 and the second at the node's address, each with its own
      name: the comparison of names
    - the third is reached over UDP: the last assertion (upstream only asks whether the port is open; here it answers)
    """
    node = cluster.nodes()[1]
    (address,) = [a["address"] for a in cluster.get("node", node)["status"]["addresses"] if a["type"] == "InternalIP"]
    places = {"pod1": ("127.0.0.1", "TCP", 8080), "pod2": (address, "TCP", 8080), "pod3": (address, "UDP", 8081)}
    made = []
    for name, (host, protocol, port) in places.items():
        ports = [{"hostPort": 54323, "containerPort": port, "protocol": protocol, "hostIP": host}]
        probe = {"httpGet": {"path": "/hostname", "port": 8080}, "periodSeconds": 1}
        made.append(pod(name, {**SERVER, "ports": ports, "readinessProbe": probe}, nodeName=node))
    cluster.apply(*made, pod("e2e-host-exec", CLIENT, nodeName=node, hostNetwork=True))
    try:
        cluster.wait_ready(*places, "e2e-host-exec")

        def told(protocol: str, at: str) -> str:
            return ask(cluster, "e2e-host-exec", protocol, at, 54323)

        assert [told("http", "127.0.0.1"), told("http", address)] == ["pod1", "pod2"]
        assert told("udp", address) == "pod3"
    finally:
        cluster.wait_gone(*places, "e2e-host-exec")
