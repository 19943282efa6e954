import os
from pathlib import Path

from podbay.kubelet.volumes import atomic_writer
from podbay.kubelet.volumes.atomic_writer import File


def nothing(fresh: Path) -> None:
    assert fresh.is_dir()


def put(directory: Path, **files: str) -> bool:
    payload = {name.replace("_", "/"): File(text.encode(), 0o640) for name, text in files.items()}
    return atomic_writer.write(directory, payload, nothing)


def shown(directory: Path) -> dict[str, str]:
    names = [name for name in os.listdir(directory) if not name.startswith("..")]
    found: dict[str, str] = {}
    for name in names:
        assert os.readlink(directory / name) == f"..data/{name}"
        path = directory / name
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        found |= {str(file.relative_to(directory)): file.read_text() for file in files}
    return found


def test_files_are_seen_through_one_link(tmp_path: Path) -> None:
    assert put(tmp_path, a="1", dir_b="2")
    assert shown(tmp_path) == {"a": "1", "dir/b": "2"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert os.readlink(tmp_path / "..data").startswith("..2")


def test_a_change_turns_the_link_and_leaves_nothing_of_before(tmp_path: Path) -> None:
    put(tmp_path, a="1", b="2")
    before = os.readlink(tmp_path / "..data")
    assert put(tmp_path, a="3", c="4")
    assert shown(tmp_path) == {"a": "3", "c": "4"}
    after = os.readlink(tmp_path / "..data")
    assert before != after
    assert sorted(os.listdir(tmp_path)) == sorted(["..data", after, "a", "c"])


def test_the_same_files_are_not_written_again(tmp_path: Path) -> None:
    put(tmp_path, a="1")
    before = os.readlink(tmp_path / "..data")
    assert not put(tmp_path, a="1")
    assert os.readlink(tmp_path / "..data") == before


def test_new_files_are_settled_before_anybody_sees_them(tmp_path: Path) -> None:
    def settle(fresh: Path) -> None:
        assert not (tmp_path / "..data").exists()
        (fresh / "a").chmod(0o400)

    atomic_writer.write(tmp_path, {"a": File(b"1", 0o644)}, settle)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o400


def test_what_a_kill_left_is_mended(tmp_path: Path) -> None:
    put(tmp_path, a="1", b="2")
    (tmp_path / "..data_tmp").symlink_to("..nowhere")
    (tmp_path / "..2020_half").mkdir()
    (tmp_path / "a").unlink()
    (tmp_path / "old").symlink_to("..data/old")
    put(tmp_path, a="1", b="2")
    assert shown(tmp_path) == {"a": "1", "b": "2"}
    assert len([name for name in os.listdir(tmp_path) if name.startswith("..")]) == 2
    (tmp_path / "..data_tmp").symlink_to("..nowhere")
    assert put(tmp_path, b="3")
    assert shown(tmp_path) == {"b": "3"}


def test_no_files_at_all_is_an_empty_volume(tmp_path: Path) -> None:
    put(tmp_path, a="1")
    put(tmp_path)
    assert shown(tmp_path) == {}
