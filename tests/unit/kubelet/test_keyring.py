"""Which credentials fit which image: registries, ports, paths, patterns, and their order."""

import base64
import json
from typing import Any

import pytest

from podbay.cri.runtime import PullCredentials
from podbay.kubelet.keyring import BadPullSecret, credentials_for


def encoded(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


def secret(auths: Any) -> dict[str, Any]:
    data = {".dockerconfigjson": encoded({"auths": auths})}
    return {"type": "kubernetes.io/dockerconfigjson", "data": data}


def user(name: str) -> dict[str, str]:
    return {"auth": encoded(f"{name}:secret".encode())}


def tried(repository: str, *secrets: dict[str, Any]) -> list[str]:
    return [found.username for found in credentials_for(secrets, repository)]


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("quay.io", "quay.io/team/app"),
        ("https://quay.io", "quay.io/team/app"),
        ("http://quay.io/", "quay.io/team/app"),
        ("https://quay.io/v1/", "quay.io/team/app"),
        ("https://quay.io/v2/", "quay.io/team/app"),
        ("quay.io/team", "quay.io/team/app"),
        ("quay.io/team/app", "quay.io/team/app"),
        ("quay.io/te", "quay.io/team/app"),
        ("quay.io:5000", "quay.io:5000/team/app"),
        ("*.quay.io", "eu.quay.io/team/app"),
        ("e*.quay.io", "eu.quay.io/team/app"),
        ("e[t-v].quay.io", "eu.quay.io/team/app"),
        ("[::1]:5000", "[::1]:5000/app"),
        ("user@quay.io", "quay.io/team/app"),
        ("docker.io", "docker.io/library/busybox"),
        ("https://index.docker.io/v1/", "docker.io/library/busybox"),
        ("index.docker.io", "docker.io/library/busybox"),
        ("localhost/team", "localhost/team/app"),
    ],
)
def test_an_entry_is_for_the_images_of_its_registry_and_path(key: str, repository: str) -> None:
    assert tried(repository, secret({key: user("me")})) == ["me"]


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("quay.io", "gcr.io/team/app"),
        ("quay.io", "quay.io:5000/team/app"),
        ("quay.io:5000", "quay.io/team/app"),
        ("quay.io:5000", "quay.io:5001/team/app"),
        ("quay.io/other", "quay.io/team/app"),
        ("*.quay.io", "quay.io/team/app"),
        ("*.quay.io", "a.b.quay.io/team/app"),
        ("*.io", "eu.quay.io/team/app"),
        ("quay.*o:5000", "quay.io/team/app"),
        ("[^e]u.quay.io", "eu.quay.io/team/app"),
        ("https://index.docker.io/v1/", "quay.io/library/busybox"),
        ("index.docker.io:bad", "docker.io/library/busybox"),
        ("[::1", "[::1]:5000/app"),
        ("[a-f]u.quay.io", "eu.quay.io/team/app"),
        ("a[b-a].quay.io", "aa.quay.io/app"),
    ],
)
def test_and_for_no_others(key: str, repository: str) -> None:
    assert tried(repository, secret({key: user("me")})) == []


def test_the_most_specific_key_is_tried_first() -> None:
    one = secret({"quay.io": user("registry"), "quay.io/team/app": user("app"), "quay.io/team": user("team")})
    assert tried("quay.io/team/app", one) == ["app", "team", "registry"]


def test_credentials_of_one_key_are_tried_in_the_order_of_the_secrets() -> None:
    found = tried("quay.io/a", secret({"quay.io": user("new")}), secret({"https://quay.io/v2/": user("old")}))
    assert found == ["new", "old"]


def test_docker_hubs_own_key_serves_only_when_no_other_fits() -> None:
    hub = {"https://index.docker.io/v1/": user("hub")}
    assert tried("docker.io/team/app", secret({**hub, "docker.io/team": user("team")})) == ["team"]


def test_a_user_and_a_password_may_stand_for_themselves() -> None:
    entry = {"Username": "me", "password": "secret", "email": "me@example.com"}
    assert credentials_for([secret({"quay.io": entry})], "quay.io/a") == [
        PullCredentials(username="me", password="secret")
    ]


def test_auth_wins_over_them_and_a_password_may_hold_colons() -> None:
    entry = {"username": "other", "password": "other", "auth": encoded(b"me:a:b")}
    assert credentials_for([secret({"quay.io": entry})], "quay.io/a") == [
        PullCredentials(username="me", password="a:b")
    ]


def test_padding_and_line_ends_in_auth_do_not_matter() -> None:
    entry = {"auth": encoded(b"me:secret").rstrip("=")[:4] + "\n" + encoded(b"me:secret").rstrip("=")[4:]}
    assert tried("quay.io/a", secret({"quay.io": entry})) == ["me"]


def test_the_older_form_has_no_auths_around_it() -> None:
    old = {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": encoded({"quay.io": user("me")})}}
    assert tried("quay.io/a", old) == ["me"]


@pytest.mark.parametrize(
    "other",
    [
        {"type": "Opaque", "data": {".dockerconfigjson": encoded({"auths": {"quay.io": user("me")}})}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encoded({})}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encoded({"auths": None})}},
    ],
)
def test_a_secret_of_another_type_or_without_credentials_has_none(other: dict[str, Any]) -> None:
    assert tried("quay.io/a", other) == []


@pytest.mark.parametrize(
    ("auths", "why"),
    [
        ({"a": {"auth": "me"}}, "unable to parse auth field, must be formatted as base64(username:password)"),
        ({"a": {"auth": "m*=="}}, "illegal base64 data at input byte 1"),
        ({"a": {"auth": 5}}, "json: cannot unmarshal number into Go struct field DockerConfigEntryWithAuth.auth"),
        ({"a": "me:secret"}, "json: cannot unmarshal string into Go value of type DockerConfigEntryWithAuth"),
        (["a"], "json: cannot unmarshal array into Go value of type DockerConfig"),
    ],
)
def test_a_secret_that_cannot_be_read_is_told(auths: Any, why: str) -> None:
    with pytest.raises(BadPullSecret) as caught:
        credentials_for([secret(auths)], "quay.io/a")
    assert str(caught.value).startswith(why)


def test_bytes_that_are_no_json_are_told() -> None:
    with pytest.raises(BadPullSecret, match="unexpected end of JSON input"):
        credentials_for([{"type": "kubernetes.io/dockercfg", "data": {".dockercfg": encoded(b"{")}}], "quay.io/a")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(PullCredentials(username="me", password="secret"))
