from pathlib import Path

import pytest

from podbay.cri.runtime import LinuxResources
from podbay.kubelet import cgroups

LIMITED = LinuxResources(
    cpu_period_us=100_000, cpu_quota_us=50_000, cpu_shares=512, memory_limit_bytes=64 << 20
)  # fmt: skip
BEST_EFFORT = LinuxResources(cpu_shares=2)


def read(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(directory.iterdir())}


@pytest.fixture
def separate(tmp_path: Path) -> Path:
    """Version 1: a hierarchy for each controller."""
    for controller, file in (("cpu", "cpu.shares"), ("memory", "memory.limit_in_bytes"), ("freezer", "tasks")):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / file).touch()
    (tmp_path / "pids").mkdir()  # whose root has no pids.max
    for file in ("cpu.cfs_period_us", "cpu.cfs_quota_us"):
        (tmp_path / "cpu" / file).touch()
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """Version 2: one hierarchy."""
    (tmp_path / "cgroup.controllers").touch()
    return tmp_path


def test_each_hierarchy_gets_what_it_controls(separate: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, separate)
    assert read(separate / "cpu/podbay/pod1") == {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "cpu.shares": "512",
    }
    assert read(separate / "memory/podbay/pod1") == {"memory.limit_in_bytes": str(64 << 20)}
    assert read(separate / "pids/podbay/pod1") == {"pids.max": "max"}
    assert not (separate / "freezer/podbay").exists()


def test_processes_are_limited_and_let_go_again(separate: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, separate, most_processes=64)
    assert read(separate / "pids/podbay/pod1") == {"pids.max": "64"}
    cgroups.prepare("/podbay/pod1", LIMITED, separate)
    assert read(separate / "pids/podbay/pod1") == {"pids.max": "max"}


def test_what_has_no_limit_is_told_so_too(separate: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, separate)
    cgroups.prepare("/podbay/pod1", BEST_EFFORT, separate)
    assert read(separate / "cpu/podbay/pod1")["cpu.cfs_quota_us"] == "-1"
    assert read(separate / "cpu/podbay/pod1")["cpu.shares"] == "2"
    assert read(separate / "memory/podbay/pod1") == {"memory.limit_in_bytes": "-1"}


def test_one_hierarchy_gets_it_all_and_every_parent_lets_it(unified: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, unified)
    assert read(unified / "podbay/pod1") == {
        "cpu.max": "50000 100000", "cpu.weight": "20", "memory.max": str(64 << 20), "pids.max": "max",
    }  # fmt: skip
    for parent in (unified, unified / "podbay"):
        assert (parent / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    cgroups.prepare("/podbay/pod2", BEST_EFFORT, unified, most_processes=64)
    assert read(unified / "podbay/pod2") == {
        "cpu.max": "max 100000", "cpu.weight": "1", "memory.max": "max", "pids.max": "64",
    }  # fmt: skip


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 39), (262_144, 10_000), (0, 1)])
def test_shares_become_weights(shares: int, weight: int) -> None:
    assert cgroups.cpu_weight(shares) == weight


PAGES = LinuxResources(cpu_shares=2, huge_pages=(("2MB", 4 << 20), ("1GB", 0)))


def test_huge_pages_are_limited_where_a_hierarchy_counts_them(separate: Path) -> None:
    cgroups.prepare("/podbay/pod1", PAGES, separate)
    (separate / "hugetlb").mkdir()
    for size in ("2MB", "1GB"):
        (separate / "hugetlb" / f"hugetlb.{size}.limit_in_bytes").touch()
    cgroups.prepare("/podbay/pod2", PAGES, separate)
    assert read(separate / "hugetlb/podbay/pod2") == {
        "hugetlb.1GB.limit_in_bytes": "0", "hugetlb.2MB.limit_in_bytes": str(4 << 20),
    }  # fmt: skip


def test_huge_pages_are_limited_in_version_2_if_the_kernel_can(unified: Path) -> None:
    cgroups.prepare("/podbay/pod1", PAGES, unified)
    assert "hugetlb.2MB.max" not in read(unified / "podbay/pod1")
    (unified / "cgroup.controllers").write_text("cpuset cpu memory hugetlb pids\n")
    cgroups.prepare("/podbay/pod2", PAGES, unified)
    assert (unified / "podbay" / "cgroup.subtree_control").read_text() == "+cpu +memory +pids +hugetlb"
    found = read(unified / "podbay/pod2")
    assert (found["hugetlb.2MB.max"], found["hugetlb.1GB.max"]) == (str(4 << 20), "0")
