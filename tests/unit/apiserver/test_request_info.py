import pytest

from podbay.apiserver.connect.proxy import proxied_target
from podbay.apiserver.request_info import parse_target


@pytest.mark.parametrize(
    ("target", "name", "asked"),
    [
        (
            "/api/v1/nodes/n1/proxy/stats/summary?only_cpu_and_memory=true",
            "n1",
            "/stats/summary?only_cpu_and_memory=true",
        ),
        ("/api/v1/nodes/n1/proxy/logs/", "n1", "/logs/"),
        ("/api/v1/nodes/n1/proxy", "n1", "/"),
        ("/api/v1/nodes/proxy/proxy/pods", "proxy", "/pods"),
        ("/api/v1/nodes/n1:10250/proxy/a%2Fb//c", "n1:10250", "/a%2Fb//c"),
    ],
)
def test_what_is_behind_proxy_is_the_kubelets(target: str, name: str, asked: str) -> None:
    info = parse_target("GET", target)
    assert (info.resource, info.name, info.subresource, info.verb) == ("nodes", name, "proxy", "get")
    assert proxied_target(target) == asked


@pytest.mark.parametrize("target", ["/api/v1/nodes//proxy/x", "/api/v1//nodes"])
def test_an_empty_part_names_nothing_that_is_served(target: str) -> None:
    assert not parse_target("GET", target).is_resource
