"""Where a cluster's context is put, and what is left when it goes."""

import os
import pwd
import stat
from pathlib import Path
from typing import Any

import pytest

from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.standalone import cluster as places
from podbay.standalone import kubeconfigs
from podbay.standalone.cluster import Cluster

CONFIG = ClientConfig(server="https://127.0.0.1:6443", token="t")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "STATE_ROOT", tmp_path / "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def made(name: str) -> Cluster:
    cluster = Cluster(name)
    cluster.state.mkdir(parents=True)
    return cluster


def document(path: Path) -> dict[str, Any]:
    return kubeconfig.read(path)


def contexts(path: Path) -> list[str]:
    return [entry["name"] for entry in document(path).get("contexts") or ()]


def use(path: Path, name: str, *, select: bool = True) -> None:
    kubeconfig.merge(path, name=name, config=CONFIG, select=select)


def test_a_user_without_a_file_gets_one_that_nobody_else_reads(home: Path) -> None:
    path = kubeconfigs.publish_context(made("default"), CONFIG)
    assert path == home / ".kube" / "config"
    assert (contexts(path), document(path)["current-context"]) == (["podbay"], "podbay")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_destroying_gives_back_the_context_that_was_current(home: Path) -> None:
    path = home / ".kube" / "config"
    use(path, "work")
    cluster = made("a")
    kubeconfigs.publish_context(cluster, CONFIG)
    kubeconfigs.publish_context(cluster, CONFIG)
    assert document(path)["current-context"] == "podbay-a"
    kubeconfigs.forget_context(cluster)
    assert (contexts(path), document(path)["current-context"]) == (["work"], "work")


def test_a_context_that_is_gone_is_not_given_back(home: Path) -> None:
    first, second = made("a"), made("b")
    path = kubeconfigs.publish_context(first, CONFIG)
    kubeconfigs.publish_context(second, CONFIG)
    kubeconfigs.forget_context(first)
    assert document(path)["current-context"] == "podbay-b"
    kubeconfigs.forget_context(second)
    assert (contexts(path), document(path)["current-context"]) == ([], "")


def test_what_the_user_chose_meanwhile_stays(home: Path) -> None:
    path = home / ".kube" / "config"
    use(path, "work")
    cluster = made("a")
    kubeconfigs.publish_context(cluster, CONFIG)
    use(path, "other")
    kubeconfigs.forget_context(cluster)
    assert document(path)["current-context"] == "other"


def test_of_several_files_the_first_that_is_there_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [home / name for name in ("none", "one", "two")]
    use(files[1], "one", select=False)
    use(files[2], "two")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(str(file) for file in files))
    cluster = made("a")
    assert kubeconfigs.publish_context(cluster, CONFIG) == files[1]
    assert kubeconfig.merged(files)["current-context"] == "podbay-a"
    assert not files[0].exists()
    monkeypatch.delenv("KUBECONFIG")
    kubeconfigs.forget_context(cluster)  # it was remembered where the context had been put
    assert (contexts(files[1]), contexts(files[2])) == (["one"], ["two"])
    assert kubeconfig.merged(files)["current-context"] == "two"


def test_of_several_files_that_are_not_there_the_last_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [home / "one", home / "two"]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(str(file) for file in files))
    assert kubeconfigs.publish_context(made("a"), CONFIG) == files[1]


def test_under_sudo_the_callers_file_is_the_callers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = pwd.getpwnam("nobody")
    caller = pwd.struct_passwd((*nobody[:5], str(home / "caller"), nobody[6]))
    (home / "caller").mkdir()
    os.chown(home / "caller", nobody.pw_uid, nobody.pw_gid)
    for parent in (home, *home.parents):
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o711)
    monkeypatch.setattr(pwd, "getpwnam", lambda _: caller)
    monkeypatch.setenv("SUDO_USER", "caller")
    cluster = made("a")
    path = kubeconfigs.publish_context(cluster, CONFIG)
    assert path == home / "caller" / ".kube" / "config"
    for owned in (path, path.parent):
        assert (owned.stat().st_uid, owned.stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert os.geteuid() == 0
    kubeconfigs.forget_context(cluster)
    assert contexts(path) == []
    assert path.stat().st_uid == nobody.pw_uid
