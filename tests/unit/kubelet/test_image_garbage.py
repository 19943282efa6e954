import asyncio
from pathlib import Path
from typing import Any

import pytest

from podbay.cri.fake import FakeRuntime
from podbay.cri.runtime import ContainerConfig, SandboxConfig
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.image_garbage import ImageGarbage, ImageGarbageFailure
from podbay.kubelet.stats.samples import Filesystem
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope

_GC_AGE_S = 120.0


class Disk:
    """A node whose disk has 1000 bytes, ``other_bytes`` of them taken by something else than images."""

    def __init__(self, kind: type[FakeRuntime] = FakeRuntime, **settings: Any) -> None:
        self.clock = ManualClock()
        self.activity = Activity()
        self.runtime = kind(self.clock)
        self.other_bytes = 0
        self.capacity_bytes = 1000
        self.told: list[tuple[str, str]] = []
        self.mounted: set[str] = set()
        config = KubeletConfig(
            node_name="n1", address="192.0.2.1", root=Path("/absent"), log_root=Path("/absent"), **settings
        )
        self.garbage = ImageGarbage(
            self.runtime,
            config,
            self.clock,
            self.activity,
            tell=lambda *what: self.told.append(what),
            mounted=lambda: self.mounted,
            measure=self._measure,
        )

    def _measure(self, path: Path) -> Filesystem:
        assert path == Path("/")
        images = sum(image.size_bytes for image in self.runtime._images.all())
        free = self.capacity_bytes - self.other_bytes - images
        return Filesystem(
            available_bytes=free,
            capacity_bytes=self.capacity_bytes,
            used_bytes=self.capacity_bytes - free,
            inodes_free=1,
            inodes=1,
        )

    async def use(self, name: str) -> str:
        """Run a container of an image, and return its sandbox."""
        sandbox = SandboxConfig(name=name, namespace="default", uid=name)
        key = await self.runtime.run_sandbox(sandbox)
        await self.runtime.create_container(key, ContainerConfig(name="main", image=name), sandbox)
        return key

    async def later(self, seconds: float = _GC_AGE_S) -> None:
        """Have the node know its images for a while."""
        try:
            await self.garbage.collect()
        except ImageGarbageFailure:
            self.told.clear()
        await self.clock.advance(seconds)

    async def names(self) -> list[str]:
        return sorted(tag for image in await self.runtime.images() for tag in image.tags)


async def test_an_unused_image_stays_while_there_is_room() -> None:
    disk = Disk()
    disk.runtime.add_image("idle", 840)
    await disk.later()
    await disk.garbage.collect()
    assert await disk.names() == ["idle"]


async def test_above_the_high_threshold_unused_images_go_until_the_low_one_is_reached() -> None:
    disk = Disk()
    for name in ("a", "b", "c"):
        disk.runtime.add_image(name, 50)
    disk.other_bytes = 700
    await disk.later()
    await disk.garbage.collect()
    assert len(await disk.names()) == 2  # 850 of 1000 bytes were taken, 800 may be


async def test_what_was_used_last_long_ago_goes_first() -> None:
    disk = Disk()
    for name in ("early", "late", "never", "used"):
        disk.runtime.add_image(name, 60)
    await disk.use("used")
    early, late = await disk.use("early"), await disk.use("late")
    await disk.later(10)
    await disk.runtime.remove_sandbox(early)
    await disk.later(10)
    await disk.runtime.remove_sandbox(late)
    await disk.later(200)
    gone = []
    for other, left in ((620, 3), (680, 2), (740, 1)):
        disk.other_bytes = other
        before = await disk.names()
        await disk.garbage.collect()
        assert len(await disk.names()) == left
        gone += sorted(set(before) - set(await disk.names()))
    assert gone == ["never", "early", "late"] and await disk.names() == ["used"]


async def test_an_image_that_came_just_now_stays() -> None:
    disk = Disk()
    disk.runtime.add_image("new", 900)
    await disk.later(_GC_AGE_S - 1)
    with pytest.raises(ImageGarbageFailure):
        await disk.garbage.collect()
    assert await disk.names() == ["new"]
    await disk.clock.advance(1)
    await disk.garbage.collect()
    assert await disk.names() == []


async def test_pinned_images_and_those_that_pods_have_as_volumes_stay() -> None:
    disk = Disk(pinned_images=("pause",))
    disk.runtime.add_image("pinned", 300, is_pinned=True)
    disk.runtime.add_image("pause", 300)
    disk.runtime.add_image("mounted", 300)
    disk.mounted = {"mounted"}
    await disk.later()
    with pytest.raises(ImageGarbageFailure):
        await disk.garbage.collect()
    assert await disk.names() == ["mounted", "pause", "pinned"]


async def test_what_could_not_be_freed_is_told_in_upstreams_words() -> None:
    disk = Disk()
    disk.other_bytes = 900
    with pytest.raises(ImageGarbageFailure):
        await disk.garbage.collect()
    message = (
        "Failed to garbage collect required amount of images. Attempted to free 100 bytes, but only found 0 bytes"
        " eligible to free."
    )
    assert disk.told == [("FreeDiskSpaceFailed", message)]


async def test_a_failure_is_told_as_such_only_when_it_comes_again() -> None:
    disk = Disk()
    disk.other_bytes = 900
    async with TaskScope() as scope:
        scope.start(disk.garbage.run(), name="image garbage")
        while disk.clock.next_due_s() is None:
            await disk.activity.idle()
        assert [reason for reason, _ in disk.told] == ["FreeDiskSpaceFailed"]
        await disk.clock.advance(300)
        await disk.activity.idle()
        assert [reason for reason, _ in disk.told][1:] == ["FreeDiskSpaceFailed", "ImageGCFailed"]


async def test_a_disk_without_capacity_is_told_of() -> None:
    disk = Disk()
    disk.capacity_bytes = 0
    with pytest.raises(ImageGarbageFailure):
        await disk.garbage.collect()
    assert disk.told == [("InvalidDiskCapacity", "invalid capacity 0 on image filesystem")]


async def test_an_image_that_cannot_be_removed_keeps_no_other_from_going() -> None:
    disk = Disk()
    disk.runtime.add_image("a", 450)
    disk.runtime.add_image("b", 450)
    await disk.later()
    disk.runtime.fail("remove_image", "UNKNOWN", "busy")
    with pytest.raises(ImageGarbageFailure) as raised:
        await disk.garbage.collect()
    assert str(raised.value) == (
        "wanted to free 100 bytes, but freed 450 bytes space with errors in image deletion: rpc error: code = Unknown"
        " desc = busy"
    )
    assert len(await disk.names()) == 1


async def test_a_high_threshold_of_100_turns_it_off() -> None:
    disk = Disk(image_gc_high_percent=100)
    disk.runtime.add_image("idle", 1000)
    await disk.later()
    await disk.garbage.collect()
    assert await disk.names() == ["idle"]


async def test_all_that_is_unused_can_be_asked_to_go_but_what_came_just_now() -> None:
    disk = Disk()
    for name in ("idle", "used"):
        disk.runtime.add_image(name, 10)
    await disk.use("used")
    await disk.later()
    disk.runtime.add_image("fresh", 10)
    await disk.garbage.remove_unused()
    assert await disk.names() == ["fresh", "used"]


class Slow(FakeRuntime):
    """A runtime that lets others go on while it removes an image."""

    async def remove_image(self, name: str) -> None:
        await asyncio.sleep(0)
        await super().remove_image(name)


async def test_those_who_remove_images_at_the_same_time_take_turns() -> None:
    disk = Disk(Slow)
    disk.runtime.add_image("idle", 850)
    await disk.later()
    await asyncio.gather(disk.garbage.remove_unused(), disk.garbage.remove_unused(), disk.garbage.collect())
    assert disk.runtime.calls.count("remove_image") == 1
    assert await disk.names() == [] and disk.told == []
