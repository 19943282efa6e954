import os
from pathlib import Path

from podbay.kubelet.stats import disk_usage
from podbay.kubelet.stats.samples import DiskUsage


def test_a_tree_takes_what_its_files_and_directories_take(tmp_path: Path) -> None:
    empty = disk_usage.tree(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x" * 100_000)
    found = disk_usage.tree(tmp_path)
    assert found.inodes == empty.inodes + 2
    assert found.bytes - empty.bytes >= 100_000


def test_a_file_of_two_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * 100_000)
    before = disk_usage.tree(tmp_path)
    os.link(tmp_path / "one", tmp_path / "two")
    assert disk_usage.tree(tmp_path) == before


def test_a_hole_in_a_file_takes_nothing(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert disk_usage.tree(tmp_path).bytes < 1 << 20


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")
    assert disk_usage.tree(tmp_path).inodes == 2


def test_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert disk_usage.tree(tmp_path / "gone") == DiskUsage()


def test_a_file_system_has_what_is_free_and_what_is_used(tmp_path: Path) -> None:
    found = disk_usage.filesystem(tmp_path)
    assert 0 < found.available_bytes <= found.capacity_bytes
    assert found.used_bytes < found.capacity_bytes
    assert disk_usage.is_same_filesystem(tmp_path, tmp_path)
    assert not disk_usage.is_same_filesystem(tmp_path, Path("/proc"))
