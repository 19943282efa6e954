"""What nobody needs any more goes from a real node: unused images and dead containers; what is used stays."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from podbay.api.resources import EVENTS
from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import build
from podbay.standalone.images.recipes import busybox_recipe
from podbay.standalone.machine import binary
from tests.e2e.containerd import BUSYBOX, PrivateContainerd, private_containerd
from tests.e2e.node import FOREVER, Node, one_node, shell
from tests.waiting import until

_UNUSED = "docker.io/library/unused:1"


@pytest.fixture
def beside() -> Iterator[PrivateContainerd]:
    """A containerd that has an image which nothing uses."""
    with private_containerd() as containerd:
        add_image(containerd, _UNUSED)
        yield containerd


@pytest.fixture
async def full(beside: PrivateContainerd) -> AsyncIterator[Node]:
    """A node for which every disk is too full."""
    async with one_node(
        beside,
        image_gc_high_percent=1,
        image_gc_low_percent=0,
        image_minimum_gc_age_s=4.0,
        image_gc_period_s=0.5,
    ) as node:
        yield node


def add_image(containerd: PrivateContainerd, name: str) -> None:
    archive = containerd.directory / "unused.tar"
    recipe = busybox_recipe(busybox_files(), name)
    build(replace(recipe, environment=("UNUSED=1",)), archive)
    command = [binary("ctr", "containerd"), "-a", str(containerd.socket), "-n", "k8s.io", "images", "import"]
    subprocess.run([*command, str(archive)], check=True, capture_output=True)


async def test_on_a_full_disk_an_unused_image_goes_and_those_that_are_used_stay(full: Node) -> None:
    await full.create(shell(FOREVER))
    await full.running()
    assert await full.runtime.image(_UNUSED) is not None

    async def is_gone() -> bool:
        return await full.runtime.image(_UNUSED) is None

    await until(is_gone, "the unused image goes")

    async def is_told() -> bool:
        events = (await full.admin.list(EVENTS, namespace="default"))["items"]
        told = {event["reason"] for event in events if event["involvedObject"]["kind"] == "Node"}
        return {"FreeDiskSpaceFailed", "ImageGCFailed"} <= told

    await until(is_told, "the node tells that this was not enough")
    assert await full.runtime.image(BUSYBOX) is not None
    assert await full.runtime.image(SANDBOX_IMAGE) is not None
    await full.delete()
