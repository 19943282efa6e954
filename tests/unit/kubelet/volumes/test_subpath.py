"""What a sub-path leads to, and what it must not; the bind itself is watched, not made."""

import os
import stat
from pathlib import Path

import pytest

from podbay.kubelet.volumes import mounting, subpath
from podbay.kubelet.volumes.subpath import Escape


class Bound:
    """What would have been bound, by the path that the descriptor stands for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sources: list[str] = []
        monkeypatch.setattr(mounting, "bind", lambda source, target: self.sources.append(os.readlink(source)))


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> Bound:
    return Bound(monkeypatch)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    (made / "dir" / "below").mkdir(parents=True)
    (made / "file").touch()
    (tmp_path / "outside").mkdir()
    return made


def test_a_directory_and_a_file_are_bound_on_a_target_of_their_kind(volume: Path, bound: Bound, tmp_path: Path) -> None:
    subpath.bind(volume, "dir/below", tmp_path / "t" / "0")
    subpath.bind(volume, "file", tmp_path / "t" / "1")
    assert bound.sources == [str(volume / "dir" / "below"), str(volume / "file")]
    assert ((tmp_path / "t" / "0").is_dir(), (tmp_path / "t" / "1").is_file()) == (True, True)
    subpath.bind(volume, "file", tmp_path / "t" / "0")
    assert (tmp_path / "t" / "0").is_file()


def test_what_is_not_there_is_made_as_open_as_the_volume(volume: Path, bound: Bound, tmp_path: Path) -> None:
    volume.chmod(0o2777)
    subpath.bind(volume, "new/one", tmp_path / "target")
    assert bound.sources == [str(volume / "new" / "one")]
    assert stat.filemode((volume / "new" / "one").stat().st_mode) == "drwxrwsrwx"


def test_links_within_the_volume_are_followed(volume: Path, bound: Bound, tmp_path: Path) -> None:
    (volume / "near").symlink_to("dir/below")
    (volume / "absolute").symlink_to(volume / "dir")
    for sub in ("near", "absolute/below", "dir/below/../below"):
        subpath.bind(volume, sub, tmp_path / "target")
    assert set(bound.sources) == {str(volume / "dir" / "below")}


@pytest.mark.parametrize("target", ["../outside", "/etc", "..", "dir/../../outside"])
def test_links_out_of_the_volume_are_refused(volume: Path, bound: Bound, tmp_path: Path, target: str) -> None:
    (volume / "bad").symlink_to(target)
    for sub in ("bad", "bad/new"):
        with pytest.raises(Escape):
            subpath.bind(volume, sub, tmp_path / "target")
    assert bound.sources == [] and os.listdir(tmp_path / "outside") == []


def test_a_link_put_there_after_the_look_is_refused(
    volume: Path, bound: Bound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.path.realpath

    def looked_then_swapped(path: str) -> str:
        found = real(path)
        if found.endswith("below") and not os.path.islink(volume / "dir"):
            (volume / "dir").rename(volume / "was")
            (volume / "dir").symlink_to(tmp_path / "outside")
            (tmp_path / "outside" / "below").mkdir()
        return found

    monkeypatch.setattr(os.path, "realpath", looked_then_swapped)
    with pytest.raises(Escape, match="symbolic link"):
        subpath.bind(volume, "dir/below", tmp_path / "target")
    assert bound.sources == []
