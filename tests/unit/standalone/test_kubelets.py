"""The configuration of a cluster's kubelets: kept when it is understood, and only then."""

from pathlib import Path

import pytest

from podbay.standalone import cluster as places
from podbay.standalone import kubelets, processes
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError

TEXT = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 20\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    for root in ("STATE_ROOT", "RUN_ROOT"):
        monkeypatch.setattr(places, root, tmp_path / root)
    cluster = Cluster("a")
    cluster.state.mkdir(parents=True)
    return cluster


def test_kubelets_that_were_given_nothing_keep_their_defaults(made: Cluster) -> None:
    assert kubelets.configured(made) == {}


def test_what_is_given_is_kept_for_every_start(made: Cluster, tmp_path: Path) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(TEXT)
    assert not kubelets.configure(made, kubelets.read(given))  # nothing ran that would have to start again
    assert kubelets.configured(made) == {"max_pods": 20}


def test_what_cannot_be_followed_is_refused_by_its_name(tmp_path: Path) -> None:
    given = tmp_path / "kubelet.yaml"
    given.write_text(TEXT + "cpuManagerPolicy: static\n")
    with pytest.raises(ClusterError, match=r'kubelet\.yaml: unknown field "cpuManagerPolicy"'):
        kubelets.read(given)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"--kubelet-config: .*No such file"):
        kubelets.read(tmp_path / "absent")


def test_a_kept_file_that_was_broken_is_told(made: Cluster) -> None:
    made.kubelet_file.write_text("{")
    with pytest.raises(ClusterError, match=r"kubelet\.yaml"):
        kubelets.configured(made)


def test_kubelets_that_could_not_be_stopped_are_stopped_by_the_next_try(
    made: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Path] = []

    def break_off(_: Path) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "running", lambda _: 1)
    monkeypatch.setattr(processes, "stop", break_off)
    with pytest.raises(KeyboardInterrupt):
        kubelets.configure(made, TEXT)
    monkeypatch.setattr(processes, "stop", stopped.append)
    assert kubelets.configure(made, TEXT)
    assert stopped == [made.server_pid]
    assert kubelets.configured(made) == {"max_pods": 20}
