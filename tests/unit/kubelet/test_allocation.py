from pathlib import Path

import pytest

from podbay.kubelet.allocation import Allocations
from podbay.kubelet.pod_files import PodFiles
from tests.unit.kubelet.views import a_container, a_pod

SMALL, LARGE = {"requests": {"cpu": "1"}}, {"requests": {"cpu": "2"}}


@pytest.fixture
def files(tmp_path: Path) -> PodFiles:
    return PodFiles(tmp_path, tmp_path / "hosts")


def test_what_was_allocated_stands_whatever_is_wanted_and_outlives_the_kubelet(files: PodFiles) -> None:
    Allocations(files, is_real=True).admit(a_pod(a_container("c", resources=SMALL)))
    again = Allocations(files, is_real=True)
    wanted = a_pod(a_container("c", resources=LARGE))
    assert again.applied(wanted)["spec"]["containers"][0]["resources"] == SMALL
    again.resize(wanted)
    again.updated("u", "id", LARGE)
    found = Allocations(files, is_real=True).of("u")
    assert found is not None and not found.is_settled
    assert (found.allocated, found.updated) == ({"c": LARGE}, {"id": LARGE})


def test_what_containers_were_given_is_forgotten_with_them(files: PodFiles) -> None:
    allocations = Allocations(files, is_real=True)
    allocations.admit(a_pod())
    for container_id in ("old", "new"):
        allocations.updated("u", container_id, LARGE)
    allocations.settled("u", {"new"})
    found = Allocations(files, is_real=True).of("u")
    assert found is not None and found.is_settled and found.updated == {"new": LARGE}


def test_a_spoilt_file_is_as_good_as_none(files: PodFiles) -> None:
    Allocations(files, is_real=True).admit(a_pod())
    (files.directory("u") / "resources").write_text("")
    assert Allocations(files, is_real=True).of("u") is None


def test_a_pretended_node_writes_nothing(files: PodFiles, tmp_path: Path) -> None:
    allocations = Allocations(files, is_real=False)
    allocations.admit(a_pod())
    assert allocations.of("u") is not None and list(tmp_path.iterdir()) == []
    allocations.forget("u")
    assert allocations.of("u") is None
