"""What a pod is called, and what its hosts file and its resolver say."""

from typing import Any

import pytest

from podbay.cri.runtime import DnsConfig
from podbay.kubelet import pod_names
from podbay.kubelet.pod_names import NameTooLong

NODE = DnsConfig(servers=("10.0.0.1", "10.0.0.2"), searches=("example.org",), options=("ndots:1", "rotate"))


def made(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": "u"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "hostname"),
    [
        ({}, "web"),
        ({"hostname": "mine"}, "mine"),
        ({"hostname": "mine", "subdomain": "sub"}, "mine"),
        ({"hostname": "mine", "subdomain": "sub", "setHostnameAsFQDN": True}, "mine.sub.shop.svc.cluster.local"),
        ({"setHostnameAsFQDN": True}, "web"),
    ],
)
def test_a_pods_host_name(spec: dict[str, Any], hostname: str) -> None:
    assert pod_names.kernel_hostname(made(**spec), "cluster.local") == hostname


def test_a_host_name_is_cut_to_a_label_and_a_full_name_is_not() -> None:
    assert pod_names.kernel_hostname(made("a" * 62 + "-bc"), "cluster.local") == "a" * 62
    with pytest.raises(NameTooLong) as refused:
        pod_names.kernel_hostname(made("a" * 40, subdomain="sub", setHostnameAsFQDN=True), "cluster.local")
    full = f"{'a' * 40}.sub.shop.svc.cluster.local"
    assert str(refused.value) == (
        f'failed to generate sandbox config for pod "{"a" * 40}_shop(u)": failed to construct FQDN from pod hostname'
        f" and cluster domain, FQDN {full} is too long (64 characters is the max, 67 characters requested)"
    )


def test_a_hosts_file_has_the_pods_names_and_aliases() -> None:
    alias = {"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}
    text = pod_names.hosts_file(made(subdomain="sub", hostAliases=[alias]), ["10.1.0.2"], "cluster.local", None)
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert text.endswith(
        "10.1.0.2\tweb.sub.shop.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\n"
    )
    assert pod_names.hosts_file(made(), ["10.1.0.2"], "cluster.local", None).endswith("\n10.1.0.2\tweb\n")


def test_a_pod_in_the_hosts_network_has_the_hosts_file_and_its_aliases() -> None:
    text = pod_names.hosts_file(made(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a"]}]), [], "x", "127.0.0.1\thost\n")
    assert text == (
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1\thost\n\n# Entries added by HostAliases.\n"
        "1.2.3.4\ta\n"
    )


@pytest.mark.parametrize("policy", ["Default", "ClusterFirst", "ClusterFirstWithHostNet"])
def test_a_pod_asks_whom_its_node_asks(policy: str) -> None:
    assert pod_names.pod_resolver(made(dnsPolicy=policy), NODE) == (NODE, ())


def test_a_pod_can_ask_somebody_else_or_somebody_besides() -> None:
    own = {"nameservers": ["1.1.1.1"], "searches": ["a.b", "example.org"], "options": [{"name": "ndots", "value": "2"}]}
    alone, _ = pod_names.pod_resolver(made(dnsPolicy="None", dnsConfig=own), NODE)
    assert alone == DnsConfig(servers=("1.1.1.1",), searches=("a.b", "example.org"), options=("ndots:2",))
    together, _ = pod_names.pod_resolver(made(dnsPolicy="Default", dnsConfig=own), NODE)
    assert together == DnsConfig(
        servers=("10.0.0.1", "10.0.0.2", "1.1.1.1"), searches=("example.org", "a.b"), options=("ndots:2", "rotate")
    )


def test_what_the_c_library_would_not_read_is_left_out_and_told() -> None:
    own = {"nameservers": ["1.1.1.1", "1.1.1.2"], "searches": [f"s{i}" for i in range(32)]}
    found, told = pod_names.pod_resolver(made(dnsPolicy="Default", dnsConfig=own), NODE)
    assert list(found.servers) == ["10.0.0.1", "10.0.0.2", "1.1.1.1"]
    assert len(found.searches) == 32
    assert [text.rpartition(": ")[0] for text in told] == [
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is",
        "Search Line limits were exceeded, some search paths have been omitted, the applied search line is",
    ]
    long = {"searches": ["a" * 63 + "." + "b" * 63] * 1 + [f"{'c' * 60}{i}." + "d" * 60 for i in range(20)]}
    found, _ = pod_names.pod_resolver(made(dnsPolicy="Default", dnsConfig=long), NODE)
    assert len(" ".join(found.searches)) <= 2048
