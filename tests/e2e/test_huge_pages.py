"""Huge pages of a real machine, in real containers. The machine has as many as before when a test has ended."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import NODES
from tests.e2e.containerd import PrivateContainerd
from tests.e2e.node import FOREVER, Node, mounts, one_node, shell
from tests.e2e.python_image import shared_libraries
from tests.waiting import until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
COUNT = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
MORE = 8
IN_PAGES = {"name": "v", "emptyDir": {"medium": "HugePages"}}
MOUNTS: Object = {"volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "tools", "mountPath": "/tools"}]}
TAKE = "/tools/ld* --library-path /tools /tools/fallocate -l"  # which busybox has not


@pytest.fixture
def pages() -> Iterator[int]:
    """How many the machine has during a test."""
    before = count()
    COUNT.write_text(str(before + MORE))
    try:
        yield count()
    finally:
        COUNT.write_text(str(before))
    assert count() == before


@pytest.fixture
def volumes(tmp_path: Path) -> list[Object]:
    """A directory in huge pages, and a program that takes some."""
    program = Path(shutil.which("fallocate") or "")
    for file in (program, *shared_libraries([program])):
        shutil.copy(file, tmp_path)
    tmp_path.chmod(0o755)
    return [IN_PAGES, {"name": "tools", "hostPath": {"path": str(tmp_path)}}]


@pytest.fixture
async def node(pages: int, containerd: PrivateContainerd) -> AsyncIterator[Node]:
    """A node whose kubelet began when the pages were there."""
    async with one_node(containerd) as node:
        yield node


def count() -> int:
    return int(COUNT.read_text())


def free() -> int:
    return int(COUNT.with_name("free_hugepages").read_text())


def asking(amount: str) -> Object:
    return {"resources": {"limits": {"memory": "64Mi", "hugepages-2Mi": amount}}, **MOUNTS}


async def node_status(node: Node) -> Object:
    async def told() -> Object | None:
        found = (await node.admin.list(NODES))["items"]
        status: Object = (found[0].get("status") or {}) if found else {}
        return status if "capacity" in status else None

    status: Object = await until(told, "the node tells of its capacity")
    return status


async def test_a_container_uses_the_huge_pages_that_its_pod_asks_for(
    node: Node, pages: int, volumes: list[Object]
) -> None:
    assert (await node_status(node))["capacity"]["hugepages-2Mi"] == f"{pages * 2}Mi"
    before = free()
    script = f"grep ' /v ' /proc/mounts; {TAKE} 4194304 /v/f && touch /tmp/done; {FOREVER}"
    await node.create(shell(script, **asking("4Mi")), volumes=volumes)
    await node.running()
    await node.reads("/tmp/done", "")
    assert free() == before - 2
    (line,) = await node.log()
    assert line.split()[2] == "hugetlbfs"
    assert "pagesize=2M" in line.split()[3].split(",")
    await node.delete()
    await node.is_empty()
    assert free() == before
    assert f"{node.directory}/kubelet/pods" not in mounts()


async def test_a_group_can_use_a_directory_in_huge_pages(node: Node, volumes: list[Object]) -> None:
    context = {"runAsUser": 1000, "fsGroup": 2000}
    script = f"{TAKE} 2097152 /v/f; stat -c '%s %g' /v/f"
    lines = await node.output(script, container=asking("2Mi"), volumes=volumes, securityContext=context)
    assert lines == ["2097152 2000"]


async def test_a_directory_in_huge_pages_needs_a_pod_that_asks_for_some(node: Node, volumes: list[Object]) -> None:
    await node.create(shell(FOREVER, **MOUNTS), volumes=volumes)
    why = "medium HugePages: hugePages storage requested, but there is no resource request for huge pages"
    await node.told("FailedMount", f'MountVolume.SetUp failed for volume "v" : {why}')
    await node.delete()


async def test_a_pod_that_asks_for_more_than_there_are_is_refused(
    node: Node, pages: int, volumes: list[Object]
) -> None:
    await node.create(shell(FOREVER, **asking(f"{(pages + 1) * 2}Mi")), volumes=volumes)
    await node.told(
        "OutOfhugepages-2Mi",
        f"Node didn't have enough resource: hugepages-2Mi, requested: {(pages + 1) << 21}, used: 0,"
        f" capacity: {pages << 21}",
    )
    await node.delete()
