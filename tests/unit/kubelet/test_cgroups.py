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
    for controller, file in (("cpu", "cpu.shares"), ("memory", "memory.limit_in_bytes"), ("pids", "pids.max")):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / file).touch()
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
    assert not (separate / "pids/podbay").exists()


def test_what_has_no_limit_is_told_so_too(separate: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, separate)
    cgroups.prepare("/podbay/pod1", BEST_EFFORT, separate)
    assert read(separate / "cpu/podbay/pod1")["cpu.cfs_quota_us"] == "-1"
    assert read(separate / "cpu/podbay/pod1")["cpu.shares"] == "2"
    assert read(separate / "memory/podbay/pod1") == {"memory.limit_in_bytes": "-1"}


def test_one_hierarchy_gets_it_all_and_every_parent_lets_it(unified: Path) -> None:
    cgroups.prepare("/podbay/pod1", LIMITED, unified)
    assert read(unified / "podbay/pod1") == {"cpu.max": "50000 100000", "cpu.weight": "20", "memory.max": str(64 << 20)}
    for parent in (unified, unified / "podbay"):
        assert (parent / "cgroup.subtree_control").read_text() == "+cpu +memory"
    cgroups.prepare("/podbay/pod2", BEST_EFFORT, unified)
    assert read(unified / "podbay/pod2") == {"cpu.max": "max 100000", "cpu.weight": "1", "memory.max": "max"}


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (1024, 39), (262_144, 10_000), (0, 1)])
def test_shares_become_weights(shares: int, weight: int) -> None:
    assert cgroups.cpu_weight(shares) == weight
