from pathlib import Path

import pytest

from podbay.standalone import cluster


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cluster, "STATE_ROOT", tmp_path)
    return tmp_path


def test_the_other_clusters_are_told_by_their_settings() -> None:
    for name, port in (("one", 6443), ("two", 6444)):
        made = cluster.Cluster(name)
        made.state.mkdir()
        made.write(cluster.Settings(port=port, kubelet_port=1, cluster_cidr="10.0.0.0/16", node_cidr="10.1.0.0/24"))
    assert [settings.port for settings in cluster.others("one")] == [6444]


def test_a_cluster_that_is_half_made_or_half_gone_is_no_other_cluster(state: Path) -> None:
    (state / "going").mkdir()
    (state / "lost+found").mkdir()
    assert cluster.others("one") == []
