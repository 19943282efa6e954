"""Kubeconfig files: which are read, what a context comes down to, and what changes leave alone."""

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.client.kubeconfig import Overrides
from podbay.client.kubeconfig_file import KubeconfigError, read, write


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def config(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "clusters": [
            {"name": "c1", "cluster": {"server": "https://one:6443", "certificate-authority-data": encoded(b"CA")}}
        ],
        "users": [{"name": "u1", "user": {"token": "t"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c1", "user": "u1", "namespace": "apps"}}],
        **changes,
    }


def test_the_current_context_gives_server_identity_and_namespace() -> None:
    assert kubeconfig.resolve(config()) == ClientConfig(
        server="https://one:6443", ca_pem=b"CA", token="t", namespace="apps", context="one"
    )


def test_names_that_are_given_take_the_place_of_the_files() -> None:
    document = config()
    document["clusters"].append({"name": "c2", "cluster": {"server": "https://two"}})
    document["users"].append({"name": "u2", "user": {"token": "other"}})
    found = kubeconfig.resolve(document, cluster="c2", user="u2", namespace="mine")
    assert (found.server, found.token, found.namespace) == ("https://two", "other", "mine")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"context": "no"}, "Error in configuration: context was not found for specified context: no"),
        ({"cluster": "no"}, 'no server found for cluster "no"'),
        ({"user": "no"}, 'auth info "no" does not exist'),
    ],
)
def test_a_name_that_is_given_and_not_there_is_said(names: dict[str, Any], message: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        kubeconfig.resolve(config(), **names)
    assert str(caught.value) == message


def test_a_current_context_that_is_not_there_is_said() -> None:
    with pytest.raises(KubeconfigError) as caught:
        kubeconfig.resolve(config(**{"current-context": "gone"}))
    assert str(caught.value) == "Error in configuration: context was not found for specified context: gone"


def test_what_the_command_line_says_takes_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "cert").write_bytes(b"CERT")
    document = config()
    document["users"][0]["user"] = {"client-certificate-data": "Zmlyc3Q=", "tokenFile": "/none"}
    overrides = Overrides(
        server="https://two", token="given", server_name="name", client_certificate=str(tmp_path / "cert")
    )
    found = kubeconfig.resolve(document, overrides=overrides)
    assert (found.server, found.token, found.server_name, found.client_cert_pem) == (
        "https://two", "given", "name", b"CERT",
    )  # fmt: skip


def test_a_server_without_a_scheme_is_spoken_to_in_plain_http() -> None:
    assert kubeconfig.resolve({}, overrides=Overrides(server="127.0.0.1:1")).server == "http://127.0.0.1:1"


def test_an_insecure_connection_forgets_the_ca() -> None:
    found = kubeconfig.resolve(config(), overrides=Overrides(insecure=True))
    assert (found.insecure, found.ca_pem) == (True, b"")


def test_a_user_that_is_impersonated_goes_into_the_headers() -> None:
    found = kubeconfig.resolve(config(), overrides=Overrides(user="jane", groups=("a", "b")))
    assert found.impersonation == (
        ("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"),
    )  # fmt: skip
    assert found.credentials()[-1] == ("Impersonate-Group", "b")


def test_groups_alone_cannot_be_impersonated() -> None:
    with pytest.raises(KubeconfigError, match="requesting uid, groups or user-extra for u1 without impersonating"):
        kubeconfig.resolve(config(), overrides=Overrides(groups=("a",)))


def test_without_any_config_the_server_is_the_one_that_upstream_tries() -> None:
    assert kubeconfig.resolve({}) == ClientConfig(server="http://localhost:8080")


@pytest.mark.parametrize("field", ["exec", "auth-provider", "username", "as-user-extra"])
def test_what_cannot_be_honoured_is_refused(field: str) -> None:
    with pytest.raises(KubeconfigError, match=f'user "u1": podbay does not support {field}'):
        kubeconfig.resolve(config(users=[{"name": "u1", "user": {field: "x"}}]))


def test_a_ca_together_with_the_insecure_flag_is_refused() -> None:
    document = config()
    document["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    with pytest.raises(KubeconfigError, match="insecure flag is not allowed"):
        kubeconfig.resolve(document)


def test_data_that_is_not_base64_is_said() -> None:
    document = config()
    document["clusters"][0]["cluster"]["certificate-authority-data"] = "%%%"
    with pytest.raises(KubeconfigError, match="certificate-authority-data is not base64"):
        kubeconfig.resolve(document)


def test_files_come_from_the_flag_then_the_environment_then_the_home(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.touch()
    environment = {"KUBECONFIG": "/a::/b:/a", "HOME": "/home/me"}
    assert kubeconfig.files(str(given), environment) == [given]
    assert kubeconfig.files("", environment) == [Path("/a"), Path("/b")]
    assert kubeconfig.files("", {"HOME": "/home/me"}) == [Path("/home/me/.kube/config")]


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no such file or directory"):
        kubeconfig.files(str(tmp_path / "no"), {})


def test_of_several_files_the_first_that_has_a_name_wins(tmp_path: Path) -> None:
    first, second, missing = tmp_path / "first", tmp_path / "second", tmp_path / "missing"
    write(first, config(clusters=[], **{"current-context": ""}))
    other = config()
    other["users"][0]["user"]["token"] = "second"
    write(second, other)
    found = kubeconfig.resolve(kubeconfig.merged([missing, first, second]))
    assert (found.server, found.token) == ("https://one:6443", "t")


def test_relative_paths_count_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"CA from a file")
    (tmp_path / "token").write_text("from a file\n")
    document = config(users=[{"name": "u1", "user": {"tokenFile": "token"}}])
    document["clusters"][0]["cluster"] = {"server": "https://one", "certificate-authority": "ca.pem"}
    write(tmp_path / "config", document)
    found = kubeconfig.load(tmp_path / "config")
    assert (found.ca_pem, found.token) == (b"CA from a file", "from a file")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    document = config(users=[{"name": "u1", "user": {"client-certificate": "/no/cert"}}])
    with pytest.raises(
        KubeconfigError, match="unable to read client-cert /no/cert for u1 due to open /no/cert: no such"
    ):
        kubeconfig.resolve(document)


def test_json_is_read_like_yaml(tmp_path: Path) -> None:
    (tmp_path / "config").write_text('{"current-context": "x", "contexts": null}')
    assert read(tmp_path / "config") == {"current-context": "x", "contexts": None}


@pytest.mark.parametrize("text", ["[1]", "clusters: 3", "clusters: [{cluster: {}}]", "a: b: c"])
def test_a_file_that_is_no_config_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeconfigError, match="error loading config file"):
        read(tmp_path / "config")


def test_merging_selects_the_context_and_leaves_other_entries_alone(tmp_path: Path) -> None:
    path = tmp_path / ".kube" / "config"
    path.parent.mkdir()
    write(path, config(preferences={"colors": True}))
    own = ClientConfig(server="https://127.0.0.1:6443", ca_pem=b"CA", client_cert_pem=b"CERT", client_key_pem=b"KEY")
    kubeconfig.merge(path, name="podbay", config=own, select=True)
    document = read(path)
    assert document["current-context"] == "podbay"
    assert [entry["name"] for entry in document["clusters"]] == ["c1", "podbay"]
    assert document["preferences"] == {"colors": True}
    assert kubeconfig.load(path) == ClientConfig(
        server="https://127.0.0.1:6443", ca_pem=b"CA", client_cert_pem=b"CERT", client_key_pem=b"KEY", context="podbay"
    )
    kubeconfig.remove(path, name="podbay")
    document = read(path)
    assert document["current-context"] == ""
    assert {key: document[key] for key in ("clusters", "users", "contexts")} == {
        key: config()[key] for key in ("clusters", "users", "contexts")
    }


def test_merging_again_replaces_the_entries_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    kubeconfig.merge(path, name="a", config=ClientConfig(server="https://old"), select=True)
    kubeconfig.merge(path, name="b", config=ClientConfig(server="https://b"))
    kubeconfig.merge(path, name="a", config=ClientConfig(server="https://new"))
    document = read(path)
    assert [entry["cluster"]["server"] for entry in document["clusters"]] == ["https://new", "https://b"]
    assert document["current-context"] == "a"


def test_a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, name="a", config=ClientConfig(server="https://a"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o640)
    kubeconfig.merge(path, name="b", config=ClientConfig(server="https://b"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["config"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.touch()
    link.symlink_to(real)
    kubeconfig.merge(link, name="a", config=ClientConfig(server="https://a"))
    assert link.is_symlink()
    assert read(real)["clusters"][0]["name"] == "a"


def test_a_lock_that_somebody_keeps_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podbay.client.kubeconfig_file._LOCK_WAIT_S", 0)
    path = tmp_path / "config"
    (tmp_path / "config.lock").touch()
    with pytest.raises(KubeconfigError, match=r"config\.lock is held by another process"):
        kubeconfig.merge(path, name="a", config=ClientConfig(server="https://a"))
    assert not path.exists()


def test_removing_from_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    kubeconfig.remove(tmp_path / "config", name="a")
    assert list(tmp_path.iterdir()) == []


def test_a_token_file_goes_before_a_token_unless_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("file\n")
    user = {"token": "value", "tokenFile": str(tmp_path / "token")}
    assert kubeconfig.resolve(config(users=[{"name": "u1", "user": user}])).token == "file"
    user["tokenFile"] = "/no/token"
    assert kubeconfig.resolve(config(users=[{"name": "u1", "user": user}])).token == "value"


def test_a_pod_finds_its_server_by_its_service_account(tmp_path: Path) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert kubeconfig.in_cluster(environment, tmp_path) is None
    for name, text in (("token", "t\n"), ("ca.crt", "CA"), ("namespace", "apps")):
        (tmp_path / name).write_text(text)
    assert kubeconfig.in_cluster({}, tmp_path) is None
    assert kubeconfig.in_cluster(environment, tmp_path) == ClientConfig(
        server="https://[fd00::1]:443", ca_pem=b"CA", token="t", namespace="apps"
    )
