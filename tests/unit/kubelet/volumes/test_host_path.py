import socket
from pathlib import Path

import pytest

from podbay.kubelet.volumes.host_path import prepare
from podbay.kubelet.volumes.problem import VolumeProblem


def test_without_a_type_nothing_is_looked_at(tmp_path: Path) -> None:
    assert prepare({"path": str(tmp_path / "absent"), "type": ""}) == tmp_path / "absent"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Directory", "directory"),
        ("File", "file"),
        ("Socket", "socket file"),
        ("CharDevice", "character device"),
        ("BlockDevice", "block device"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "absent"
    with pytest.raises(VolumeProblem) as refused:
        prepare({"path": str(path), "type": kind})
    assert str(refused.value) == f"hostPath type check failed: {path} is not a {name}"
    assert not path.exists()


def test_what_is_of_another_type_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for kind, path in (
        ("Directory", file),
        ("DirectoryOrCreate", file),
        ("File", tmp_path),
        ("FileOrCreate", tmp_path),
    ):
        with pytest.raises(VolumeProblem, match="type check failed"):
            prepare({"path": str(path), "type": kind})


def test_what_is_of_its_type_passes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    for kind, name in (("Directory", "."), ("File", "file"), ("File", "link"), ("Socket", "socket")):
        prepare({"path": str(tmp_path / name), "type": kind})
    prepare({"path": "/dev/null", "type": "CharDevice"})


def test_a_directory_is_made_with_its_parents_and_a_file_without(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    prepare({"path": str(directory), "type": "DirectoryOrCreate"})
    assert directory.stat().st_mode & 0o777 == 0o755
    prepare({"path": str(directory / "f"), "type": "FileOrCreate"})
    assert (directory / "f").read_bytes() == b""
    with pytest.raises(VolumeProblem, match="no such file or directory"):
        prepare({"path": str(tmp_path / "c" / "f"), "type": "FileOrCreate"})


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    prepare({"path": str(file), "type": "FileOrCreate"})
    assert file.read_text() == "kept"
