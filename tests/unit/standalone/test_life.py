"""What ``up`` refuses leaves no trace."""

from pathlib import Path

import pytest

from podbay.standalone import cluster as places
from podbay.standalone import life, machine
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError


def test_a_cluster_that_is_refused_leaves_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(**_: object) -> None:
        raise ClusterError("it lacks everything")

    monkeypatch.setattr(places, "STATE_ROOT", tmp_path / "state")
    monkeypatch.setattr(machine, "root", lambda: "yes")
    monkeypatch.setattr(machine, "check", lacks)
    with pytest.raises(ClusterError, match="it lacks everything"):
        life.up(Cluster("a"), say=lambda _: None)
    assert not (tmp_path / "state").exists()


def test_a_runtime_that_another_cluster_was_given_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for root in ("STATE_ROOT", "RUN_ROOT", "LOG_ROOT"):
        monkeypatch.setattr(places, root, tmp_path / root)
    monkeypatch.setattr(machine, "root", lambda: "yes")
    monkeypatch.setattr(machine, "check", lambda **_: None)
    Cluster("first").make(nodes=1, runtime_endpoint="unix:///x.sock")
    with pytest.raises(ClusterError, match=r"cluster first runs its pods on unix:///x\.sock"):
        life.up(Cluster("second"), runtime_endpoint="unix:///x.sock", say=lambda _: None)
    assert not (tmp_path / "STATE_ROOT" / "second").exists()
