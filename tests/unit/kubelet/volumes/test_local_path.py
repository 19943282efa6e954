"""Removing the directory of a volume: all of it, and nothing else."""

from pathlib import Path

import pytest

from podbay.kubelet.volumes import mounting
from podbay.kubelet.volumes.local_path import remove_directory


def test_a_directory_goes_with_everything_in_it_and_a_link_goes_alone(tmp_path: Path) -> None:
    volume, elsewhere = tmp_path / "volume", tmp_path / "elsewhere"
    for directory in (volume, elsewhere):
        (directory / "deep").mkdir(parents=True)
        (directory / "file").touch()
    (volume / "out").symlink_to(elsewhere)
    remove_directory(volume)
    remove_directory(volume)
    volume.symlink_to(elsewhere)
    remove_directory(volume)
    assert not volume.is_symlink()
    assert sorted(path.name for path in elsewhere.iterdir()) == ["deep", "file"]


def test_what_is_mounted_in_a_directory_is_unmounted_before_anything_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = tmp_path / "volume"
    mount = volume / "mount"
    mount.mkdir(parents=True)
    mounted = [mount]

    def unmount(path: Path) -> None:
        assert mount.exists()
        mounted.remove(path)

    monkeypatch.setattr(mounting, "mounts_below", lambda _: list(mounted))
    monkeypatch.setattr(mounting, "unmount", unmount)
    remove_directory(volume)
    assert (mounted, volume.exists()) == ([], False)
