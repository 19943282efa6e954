"""What is decided when a cluster is made, and the file that keeps it."""

import ipaddress
import socket
import threading
from pathlib import Path

import pytest

from podbay.standalone import cluster as places
from podbay.standalone.allocation import free_port, free_range, port_is_free, routed_networks
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from podbay.standalone.locks import holding
from podbay.standalone.settings import Settings, parse_settings

SETTINGS = Settings(port=6443, kubelet_port=10250, cluster_cidr="10.244.0.0/16", node_cidr="10.200.0.0/24")


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_ROOT", "RUN_ROOT", "LOG_ROOT"):
        monkeypatch.setattr(places, name, tmp_path / name.lower())


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a/b", "..", "a" * 33, "a b", "ä"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="use lower-case letters"):
        Cluster(name)


def test_settings_come_back_as_they_were_written() -> None:
    assert parse_settings(SETTINGS.text()) == SETTINGS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{", ""), ('"port": 6443,', ""), ("6443", '"6443"'), ("6443", "true"), ("10.244.0.0/16", "10.244.0.0/99"),
        ('"nodes"', '"knots"'), ('"nodes": 1', '"nodes": null'),
    ],
)  # fmt: skip
def test_broken_settings_are_told_with_a_remedy(old: str, new: str) -> None:
    cluster = Cluster("a")
    cluster.state.mkdir(parents=True)
    (cluster.state / "cluster.json").write_text(SETTINGS.text().replace(old, new, 1))
    with pytest.raises(ClusterError, match=r"cluster.json is broken \(.+\): .*podbay destroy --name a"):
        cluster.settings()


def test_the_state_is_its_owners_alone_also_of_a_cluster_that_was_made_open() -> None:
    cluster = Cluster("a")
    cluster.state.mkdir(parents=True, mode=0o755)
    cluster.keep_private()
    assert cluster.state.stat().st_mode & 0o777 == 0o700


def test_a_cluster_that_is_broken_does_not_keep_another_from_being_made() -> None:
    broken = Cluster("broken")
    broken.state.mkdir(parents=True)
    (broken.state / "cluster.json").write_text("{")
    assert Cluster("good").make(nodes=1) == Cluster("good").settings()


def test_clusters_that_are_made_at_once_share_nothing() -> None:
    made: list[Settings] = []
    threads = [
        threading.Thread(target=lambda i=index: made.append(Cluster(f"c{i}").make(nodes=1))) for index in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({s.port for s in made}) == len({s.kubelet_port for s in made}) == 6
    ranges = [ipaddress.ip_network(cidr) for s in made for cidr in (s.cluster_cidr, s.node_cidr)]
    assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[:i])


def test_a_range_that_a_route_leads_to_is_passed_over() -> None:
    told = (
        "default via 192.0.2.1 dev eth0 \n10.244.0.0/16 via 10.245.3.1 dev tun0 \n"
        "unreachable 10.246.0.0/15 metric 5\nlocal 10.248.1.2 dev lo table local scope host\nfe80::/64 dev eth0\n"
    )
    assert free_range(244, routed_networks(told), prefix=16) == "10.245.0.0/16"
    used = [*routed_networks(told), ipaddress.ip_network("10.245.0.0/24")]
    assert free_range(244, used, prefix=16) == "10.249.0.0/16"
    with pytest.raises(ClusterError, match="remove a route"):
        free_range(244, [ipaddress.ip_network("10.0.0.0/8")], prefix=16)


def test_a_port_that_is_in_use_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not port_is_free("0.0.0.0", port)
        with pytest.raises(ClusterError, match="stop what uses them"):
            free_port(range(port, port + 1), set())


def test_a_directory_that_goes_while_we_wait_for_it_is_made_anew(tmp_path: Path) -> None:
    directory, waiting, there = tmp_path / "held", threading.Event(), []

    def second() -> None:
        with holding(directory, waiting.set):
            there.append(directory.is_dir())

    thread = threading.Thread(target=second)
    with holding(directory):
        thread.start()
        assert waiting.wait(10)
        directory.rmdir()
    thread.join(10)
    assert there == [True]
