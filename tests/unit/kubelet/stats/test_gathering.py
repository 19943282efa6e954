import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import pytest

from podbay.cri.fake import FakeRuntime
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.stats.reader import RuntimeDisks
from podbay.kubelet.stats.samples import Sample
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.unit.kubelet.stats.samples import STARTED, container, manifest, sample, sampled

P = ParamSpec("P")
T = TypeVar("T")


def running() -> dict[str, Any]:
    status = {"name": "c", "containerID": "containerd://id-c", "state": {"running": {"startedAt": STARTED}}}
    return {**manifest(), "status": {"containerStatuses": [status]}}


class Counting:
    """A reader that remembers how it was asked."""

    def __init__(self) -> None:
        self.asked: list[RuntimeDisks | None] = []
        self.rate: int | None = 1

    def read(self, pods: Sequence[Any], disks: RuntimeDisks | None) -> Sample:
        self.asked.append(disks)
        return sample(sampled(manifest(), container(rate=self.rate)))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reader() -> Counting:
    return Counting()


@pytest.fixture
def runtime(clock: ManualClock) -> FakeRuntime:
    return FakeRuntime(clock)


@pytest.fixture
def stats(reader: Counting, runtime: FakeRuntime, clock: ManualClock) -> Stats:
    return Stats(reader, lambda: [running()], runtime, clock, Activity())


async def test_what_was_measured_serves_for_ten_seconds(stats: Stats, reader: Counting, clock: ManualClock) -> None:
    await asyncio.gather(*(stats.current(disks=False) for _ in range(5)))
    await clock.advance(9)
    await stats.current(disks=False)
    assert len(reader.asked) == 1
    await clock.advance(1)
    await stats.current(disks=False)
    assert len(reader.asked) == 2


async def test_a_container_without_a_rate_is_measured_again_after_a_second(
    stats: Stats, reader: Counting, clock: ManualClock
) -> None:
    reader.rate = None
    await stats.current(disks=False)
    await stats.current(disks=False)
    assert len(reader.asked) == 1
    await clock.advance(1)
    await stats.current(disks=False)
    assert len(reader.asked) == 2


async def test_disks_are_looked_at_only_if_somebody_asks(stats: Stats, reader: Counting, runtime: FakeRuntime) -> None:
    await stats.current(disks=False)
    assert "writable_layers" not in runtime.calls
    await stats.current(disks=True)
    await stats.current(disks=True)
    assert [disks is not None and disks.layers is not None for disks in reader.asked] == [False, True]


async def test_a_silent_runtime_hides_nothing_but_its_disks(
    stats: Stats, reader: Counting, runtime: FakeRuntime
) -> None:
    runtime.fail("writable_layers", "UNAVAILABLE", "gone")
    found = await stats.current(disks=True)
    assert found.pods
    assert reader.asked == [RuntimeDisks(layers={}, images=None)]


async def test_disks_that_a_silent_runtime_hid_are_asked_for_again(
    stats: Stats, reader: Counting, runtime: FakeRuntime, clock: ManualClock
) -> None:
    runtime.fail("image_filesystem", "UNAVAILABLE", "gone")
    await stats.current(disks=False)
    await clock.advance(10)
    await stats.current(disks=False)
    assert [told is not None and told.images is not None for told in reader.asked] == [False, True]


async def test_what_somebody_had_measured_is_not_measured_again_for_the_rates(
    stats: Stats, reader: Counting, clock: ManualClock
) -> None:
    async with TaskScope() as scope:
        scope.start(stats.run(), name="stats")
        await clock.advance(5)
        for _ in range(6):
            await stats.current(disks=True)
            await clock.advance(10)
    assert len(reader.asked) == 1 + 6


class Held(ThreadPoolExecutor):
    """Threads whose work begins and ends when a test says so."""

    def __init__(self) -> None:
        super().__init__(1)
        self.work: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self.work.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future


async def test_who_stops_waiting_leaves_a_measurement_that_no_other_begins_beside(
    stats: Stats, reader: Counting, clock: ManualClock
) -> None:
    threads = Held()
    asyncio.get_running_loop().set_default_executor(threads)
    async with TaskScope() as scope:
        first = scope.start(stats.current(disks=False), name="first")
        await clock.advance(1)
        first.cancel()
        await asyncio.wait({first})
        second = scope.start(stats.current(disks=False), name="second")
        for measured in range(2):
            await clock.advance(1)
            assert (len(threads.work), len(reader.asked)) == (1, measured)
            threads.work.pop()()
        await second
