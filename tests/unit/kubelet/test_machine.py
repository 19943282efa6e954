"""What the machine is and has, and what of it its node tells."""

from dataclasses import replace
from pathlib import Path

from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.node.machine import HUGE_PAGES, read_huge_pages, read_machine
from podbay.kubelet.node.registration import allocatable, capacity
from tests.unit.kubelet.support import MACHINE

PAGES = {2 << 20: 8, 1 << 30: 1}


def config(tmp_path: Path, *, is_real: bool) -> KubeletConfig:
    return KubeletConfig(node_name="n", address="", root=tmp_path, log_root=tmp_path, is_real=is_real)


def test_huge_pages_are_counted_by_their_size(tmp_path: Path) -> None:
    for size, count in ((2048, "8\n"), (1048576, "0\n")):
        (tmp_path / f"hugepages-{size}kB").mkdir()
        (tmp_path / f"hugepages-{size}kB" / "nr_hugepages").write_text(count)
    assert read_huge_pages(tmp_path) == {2 << 20: 8, 1 << 30: 0}
    assert read_huge_pages(tmp_path / "none") == {}


def test_this_machine_tells_as_many_as_its_kernel(tmp_path: Path) -> None:
    assert read_machine(tmp_path).huge_pages == read_huge_pages(HUGE_PAGES)


def test_huge_pages_are_capacity_and_no_memory_for_anything_else(tmp_path: Path) -> None:
    machine = replace(MACHINE, huge_pages=PAGES)
    pretended, real = config(tmp_path, is_real=False), config(tmp_path, is_real=True)
    assert capacity(pretended, machine)["memory"] == "4194304Ki"
    told = {"hugepages-2Mi": "16Mi", "hugepages-1Gi": "1Gi"}
    assert told.items() <= capacity(pretended, machine).items()
    assert {**told, "memory": "3129344Ki"}.items() <= allocatable(pretended, machine).items()
    kept = 100 << 10  # of memory, below which pods are evicted
    assert allocatable(real, machine)["memory"] == f"{3129344 - kept}Ki"
    lots = replace(machine, huge_pages={1 << 30: 5})
    assert allocatable(pretended, lots)["memory"] == "0Ki"


def test_a_kernel_without_huge_pages_tells_of_none(tmp_path: Path) -> None:
    found = capacity(config(tmp_path, is_real=False), replace(MACHINE, huge_pages={}))
    assert not [name for name in found if name.startswith("hugepages-")]
