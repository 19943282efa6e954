"""The directory of static pods: which files count, and that one with a mistake harms no other."""

import json
from pathlib import Path

import pytest

from podbay.kubelet.static_pods.directory import read_directory


def write(path: Path, name: str) -> None:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}))


def test_every_file_without_a_dot_before_its_name_is_a_pod(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "a")
    write(tmp_path / "b", "b")
    write(tmp_path / ".c.yaml", "c")
    pods, problems = read_directory(tmp_path, "n")
    assert (sorted(pods), problems) == (["default/a-n", "default/b-n"], {})


def test_what_is_wrong_is_told_by_file_and_the_others_count(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "a")
    write(tmp_path / "b.yaml", "a")
    (tmp_path / "c.yaml").write_text("no pod")
    (tmp_path / "d.yaml").mkdir()
    pods, problems = read_directory(tmp_path, "n")
    assert sorted(pods) == ["default/a-n"]
    assert problems == {
        tmp_path / "b.yaml": "another file before it has a pod default/a-n",
        tmp_path / "c.yaml": "couldn't parse as pod: a file holds one pod",
        tmp_path / "d.yaml": "it is a directory, which is not looked into",
    }


def test_the_path_may_be_a_file_or_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a", "a")
    assert sorted(read_directory(tmp_path / "a", "n")[0]) == ["default/a-n"]
    assert read_directory(tmp_path / "absent", "n") == ({}, {})
    with pytest.raises(OSError):
        read_directory(tmp_path / "a" / "b", "n")
