"""Packets of pods pass a host that drops what it does not know, as Docker has it."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from podbay.standalone.cluster import Cluster

SCRIPT = """
import sys
from podbay.standalone import network
from podbay.standalone.cluster import Cluster
cluster = Cluster(sys.argv[2])
if sys.argv[1] == "up":
    network.set_up_host(cluster, "10.244.0.0/16", "10.200.0.0/24")
else:
    network.tear_down_host(cluster)
"""

LISTEN = "import socket, time; s = socket.create_server(('', 8080)); print(flush=True); time.sleep(60)"
CONNECT = "import socket; socket.create_connection(('172.30.0.2', 8080), timeout=1)"


class Router:
    """A network namespace that drops what it forwards, between two others: a pod's and one beyond."""

    def __init__(self, name: str) -> None:
        self.name, self.cluster = name, Cluster(name)
        self.places = [f"{name}-{place}" for place in ("router", "pod", "other")]

    def make(self) -> None:
        for place in self.places:
            run("ip", "netns", "add", place)
            run("ip", "-n", place, "link", "set", "lo", "up")
        for place, link, address in ((self.places[1], "to-pod", "10.244.1"), (self.places[2], "to-other", "172.30.0")):
            run("ip", "-n", self.places[0], "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", place)
            for where, device, last in ((self.places[0], link, 1), (place, "eth0", 2)):
                run("ip", "-n", where, "address", "add", f"{address}.{last}/24", "dev", device)
                run("ip", "-n", where, "link", "set", device, "up")
            run("ip", "-n", place, "route", "add", "default", "via", f"{address}.1")
        self.inside("iptables", "-P", "FORWARD", "DROP")
        self.inside("iptables", "-A", "FORWARD", "-i", "docker0", "-j", "ACCEPT")

    def inside(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.places[0], *command)

    def life(self, verb: str) -> None:
        self.inside(sys.executable, "-c", SCRIPT, verb, self.name)

    def reaches(self) -> bool:
        """Tell whether the pod can connect to the other."""
        enter = ["ip", "netns", "exec"]
        with subprocess.Popen(
            [*enter, self.places[2], sys.executable, "-c", LISTEN], stdout=subprocess.PIPE
        ) as listener:
            assert listener.stdout is not None
            listener.stdout.readline()
            done = subprocess.run(
                [*enter, self.places[1], sys.executable, "-c", CONNECT], capture_output=True, check=False
            )
            listener.kill()
        return done.returncode == 0

    def remove(self) -> None:
        for place in self.places:
            subprocess.run(["ip", "netns", "delete", place], capture_output=True, check=False)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def router() -> Iterator[Router]:
    made = Router(f"fw-{uuid.uuid4().hex[:6]}")
    try:
        made.make()
        yield made
    finally:
        made.remove()


def test_a_pod_is_let_through_and_afterwards_no_rule_is_left(router: Router) -> None:
    before = router.inside("iptables", "-S")
    assert not router.reaches()
    for _ in range(2):  # the second time nothing is doubled
        router.life("up")
    assert router.reaches()
    rules = router.inside("iptables", "-S", "FORWARD").splitlines()
    ours = [rule for rule in rules if router.cluster.table in rule]
    assert rules[1:5] == ours
    assert len(ours) == 4
    router.life("down")
    assert router.inside("iptables", "-S") == before
    assert router.inside("nft", "list", "tables").find(router.cluster.table) < 0
    assert not router.reaches()
