import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podbay.kubelet import log_files
from podbay.kubelet.server.logs import LogOptions, read_log
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope


class Follower:
    """Somebody who follows a log that the test writes and moves aside."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.clock = ManualClock()
        self.is_over = False
        self.text = b""
        self.moved = 0

    async def follow(self) -> None:
        async for chunk in read_log(self.log, LogOptions(follow=True), self.clock, lambda: self.is_over):
            self.text += chunk

    def write(self, *words: str, to: Path | None = None) -> None:
        with (to or self.log).open("a") as file:
            file.writelines(f"2026-01-01T00:00:01Z stdout F {word}\n" for word in words)

    def move(self, *, begin: bool = True) -> Path:
        self.moved += 1
        moved = self.log.with_name(f"0.log.20260101-00000{self.moved}")
        self.log.rename(moved)
        if begin:
            self.log.touch()
        return moved

    async def reads(self, *words: str, seconds: float = 0.2) -> None:
        """Let time pass, and see what was read by then, from the beginning."""
        for _ in range(round(seconds * 10)):
            await self.clock.advance(0.1)
        assert self.text.decode().split() == list(words)


@pytest.fixture
async def follower(tmp_path: Path) -> AsyncIterator[Follower]:
    follower = Follower(tmp_path / "0.log")
    follower.write("one")
    async with TaskScope() as scope:
        following = scope.start(follower.follow(), name="follow")
        while follower.clock.next_due_s() is None:
            await asyncio.sleep(0)
        yield follower
        follower.is_over = True
        await follower.clock.advance(2)
        await following


async def test_a_follower_goes_on_in_the_new_file(follower: Follower) -> None:
    follower.move()
    follower.write("two")
    await follower.reads("one", "two", seconds=1.5)


async def test_what_the_runtime_still_writes_into_the_old_file_comes_before_the_new(follower: Follower) -> None:
    moved = follower.move()
    follower.write("three")
    await follower.reads("one")
    follower.write("two", to=moved)
    await follower.reads("one", "two", "three", seconds=1.5)


async def test_a_file_that_was_moved_is_followed_until_there_is_a_new_one(follower: Follower) -> None:
    moved = follower.move(begin=False)
    await follower.reads("one", seconds=5)
    follower.write("two", to=moved)
    await follower.reads("one", "two")


async def test_a_follower_who_is_slow_misses_no_file_though_it_was_compressed(follower: Follower) -> None:
    follower.write("two")
    first = follower.move()
    follower.write("three")
    second = follower.move()
    follower.write("four")
    log_files.pack(first)
    log_files.pack(second)
    await follower.reads("one", "two", "three", "four", seconds=3)


async def test_who_follows_to_the_end_of_a_container_gets_the_last_file_at_once(follower: Follower) -> None:
    follower.move()
    follower.write("two")
    follower.is_over = True
    await follower.reads("one", "two")


async def test_who_does_not_follow_reads_the_file_that_is_written(follower: Follower) -> None:
    follower.move()
    follower.write("two")
    options = LogOptions(tail=5)
    found = [chunk async for chunk in read_log(follower.log, options, follower.clock, lambda: False)]
    assert found == [b"two\n"]
