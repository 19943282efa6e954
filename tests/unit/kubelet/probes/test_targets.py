from typing import Any

import pytest

from podbay.kubelet.probes.targets import NoTarget, headers_of, port_of, url_of

CONTAINER: dict[str, Any] = {"ports": [{"name": "web", "containerPort": 8080}]}


def test_a_port_is_a_number_or_the_name_of_one() -> None:
    assert [port_of(port, CONTAINER) for port in (80, "web", "443")] == [80, 8080, 443]
    for port in (0, 70000, "none", ""):
        with pytest.raises(NoTarget):
            port_of(port, CONTAINER)


@pytest.mark.parametrize(
    ("get", "url"),
    [
        ({"port": 80}, "http://10.0.0.1:80/"),
        ({"port": "web", "path": "/healthz", "scheme": "HTTPS"}, "https://10.0.0.1:8080/healthz"),
        ({"port": 80, "path": "a b?x=1&y=2", "host": "example.org"}, "http://example.org:80/a%20b?x=1&y=2"),
        ({"port": 80, "host": "::1"}, "http://[::1]:80/"),
    ],
)
def test_a_url_goes_to_the_pod_or_to_the_host_that_is_named(get: dict[str, Any], url: str) -> None:
    assert url_of(get, CONTAINER, "10.0.0.1") == url


def test_headers_are_the_users_and_ours_where_they_say_nothing() -> None:
    assert headers_of({}, "us") == [("User-Agent", "us"), ("Accept", "*/*")]
    own = [{"name": "User-Agent", "value": "me"}, {"name": "Accept", "value": ""}, {"name": "Host", "value": "h"}]
    assert headers_of({"httpHeaders": own}, "us") == [("User-Agent", "me"), ("Host", "h")]
