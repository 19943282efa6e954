"""emptyDir's directory, whom it is given to, and how large one in memory may get."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet.volumes import empty_dir, ownership
from podbay.kubelet.volumes.problem import VolumeProblem


def modes(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): stat.filemode(path.lstat().st_mode) for path in [root, *root.rglob("*")]}


def test_a_directory_is_for_everybody_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "kind" / "v"
    empty_dir.set_up(path, size_bytes=None, fs_group=None)
    assert stat.filemode(path.stat().st_mode) == "drwxrwxrwx"
    path.chmod(0o700)
    (path / "file").touch()
    empty_dir.set_up(path, size_bytes=None, fs_group=None)
    assert modes(path)["."] == "drwx------" and (path / "file").exists()


def test_what_a_kill_left_of_one_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".v").mkdir()
    empty_dir.set_up(tmp_path / "v", size_bytes=None, fs_group=None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["v"]


def test_a_group_can_use_what_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir(mode=0o700)
    (tmp_path / "dir" / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("/etc/passwd")
    tmp_path.chmod(0o700)
    ownership.give_to_group(tmp_path, os.getgid())
    assert modes(tmp_path) == {
        ".": "drwxrws---",
        "dir": "drwxrws---",
        "dir/file": "-rw-rw----",
        "link": "lrwxrwxrwx",
    }


def test_a_group_can_only_read_what_the_kubelet_writes(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o400)
    tmp_path.chmod(0o755)
    ownership.give_to_group(tmp_path, os.getgid(), read_only=True)
    assert modes(tmp_path) == {".": "drwxr-sr-x", "file": "-r--r-----"}


def limited(*limits: str | None) -> dict[str, Any]:
    return {"spec": {"containers": [{"resources": {"limits": {"memory": limit} if limit else {}}} for limit in limits]}}


@pytest.mark.parametrize(
    ("limits", "size", "wanted"),
    [
        ((None,), None, 1 << 30),
        ((None,), "1Mi", 1 << 20),
        (("2Mi", "3Mi"), None, 5 << 20),
        (("2Mi", None), None, 1 << 30),
        (("2Mi",), "3Mi", 2 << 20),
        (("2Mi",), "0", 2 << 20),
        (("2Gi",), "3Gi", 1 << 30),
    ],
)
def test_a_directory_in_memory_is_as_large_as_the_least_bound(
    limits: tuple[str | None, ...], size: str | None, wanted: int
) -> None:
    assert empty_dir.memory_size_bytes(limited(*limits), size, {"memory": "1Gi"}) == wanted


def test_an_init_container_counts_for_what_the_pod_can_use() -> None:
    pod = limited("2Mi")
    pod["spec"]["initContainers"] = limited("5Mi")["spec"]["containers"]
    assert empty_dir.memory_size_bytes(pod, None, {"memory": "1Gi"}) == 5 << 20
    pod["spec"]["initContainers"] = limited(None)["spec"]["containers"]
    assert empty_dir.memory_size_bytes(pod, None, {"memory": "1Gi"}) == 1 << 30


def with_pages(*requests: str, init: str = "") -> dict[str, Any]:
    made = [{"resources": {"requests": {"cpu": "1", f"hugepages-{size}": size}}} for size in (*requests, init) if size]
    return {"spec": {"containers": made[: len(requests)], "initContainers": made[len(requests) :]}}


@pytest.mark.parametrize(
    ("medium", "pod", "found"),
    [
        ("", with_pages(), 0),
        ("Memory", with_pages("2Mi", "1Gi"), 0),
        ("HugePages", with_pages("2Mi", "2Mi"), 2 << 20),
        ("HugePages", with_pages("2Mi", "2048Ki"), 2 << 20),
        ("HugePages", with_pages(init="1Gi"), 1 << 30),
        ("HugePages-1Gi", with_pages("2Mi", "1Gi"), 1 << 30),
        ("HugePages-2Mi", with_pages("1Gi", init="2Mi"), 2 << 20),
    ],
)
def test_a_directory_in_huge_pages_has_those_that_its_pod_asks_for(
    medium: str, pod: dict[str, Any], found: int
) -> None:
    assert empty_dir.page_bytes(pod, medium) == found


@pytest.mark.parametrize(
    ("medium", "pod", "why"),
    [
        ("Tape", with_pages("2Mi"), 'unknown storage medium "Tape"'),
        (
            "HugePages",
            with_pages("2Mi", "1Gi"),
            "medium: HugePages can't be used if container requests multiple huge page sizes",
        ),
        (
            "HugePages",
            with_pages(),
            "medium HugePages: hugePages storage requested, but there is no resource request for huge pages",
        ),
        (
            "HugePages-1Gi",
            with_pages("2Mi"),
            "medium HugePages-1Gi: hugePages storage requested, but there is no resource request for huge pages",
        ),
        (
            "HugePages-many",
            with_pages("2Mi"),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_why_a_directory_has_no_huge_pages(medium: str, pod: dict[str, Any], why: str) -> None:
    with pytest.raises(VolumeProblem) as caught:
        empty_dir.page_bytes(pod, medium)
    assert caught.value.event("v", ["v"]) == f'MountVolume.SetUp failed for volume "v" : {why}'
