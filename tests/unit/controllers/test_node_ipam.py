"""Which range a node gets."""

import ipaddress

from podbay.controllers.node_ipam import next_range

CLUSTER = ipaddress.ip_network("10.244.0.0/16")


def test_the_first_free_range_is_given() -> None:
    assert next_range(CLUSTER, 24, []) == "10.244.0.0/24"
    assert next_range(CLUSTER, 24, ["10.244.0.0/24", "10.244.2.0/24"]) == "10.244.1.0/24"


def test_a_range_of_another_size_is_not_cut_into() -> None:
    assert next_range(CLUSTER, 24, ["10.244.0.0/23"]) == "10.244.2.0/24"
    assert next_range(CLUSTER, 24, ["10.244.0.128/25"]) == "10.244.1.0/24"


def test_ranges_outside_of_the_cluster_do_not_matter() -> None:
    assert next_range(CLUSTER, 24, ["10.0.0.0/24", "fd00::/64"]) == "10.244.0.0/24"


def test_a_full_cluster_has_none() -> None:
    assert next_range(ipaddress.ip_network("10.0.0.0/23"), 24, ["10.0.0.0/24", "10.0.1.0/24"]) is None


def test_ranges_can_be_ipv6() -> None:
    assert next_range(ipaddress.ip_network("fd00::/48"), 64, ["fd00::/64"]) == "fd00:0:0:1::/64"
