"""The work queue: each key once at a time, and again when it changed or failed."""

import asyncio

from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import ManualClock
from podbay.lib.workqueue import WorkQueue


def queue(clock: ManualClock | None = None, activity: Activity | None = None) -> WorkQueue[str]:
    return WorkQueue("test", clock or ManualClock(), activity or Activity(), Backoff(base_s=1, cap_s=8))


async def test_a_key_that_is_added_twice_comes_once() -> None:
    keys = queue()
    keys.add("a")
    keys.add("a")
    keys.add("b")
    assert [await keys.get(), await keys.get()] == ["a", "b"]


async def test_a_key_that_changes_while_it_is_worked_on_comes_again_afterwards() -> None:
    keys = queue()
    keys.add("a")
    await keys.get()
    keys.add("a")
    waiting = asyncio.ensure_future(keys.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    keys.done("a")
    assert await waiting == "a"


async def test_a_key_that_fails_comes_again_later_with_every_failure() -> None:
    clock, came = ManualClock(), list[float]()
    keys = queue(clock)
    keys.add("a")
    for _ in range(4):
        getting = asyncio.ensure_future(keys.get())
        while not getting.done():
            await clock.advance(0.5)
        came.append(clock.monotonic())
        keys.add_failed("a")
        keys.done("a")
    assert came == [0.5, 1.5, 3.5, 7.5]  # each after at least 1, 2 and 4 seconds
    await keys.close()


async def test_forgetting_a_key_counts_its_failures_from_zero() -> None:
    clock = ManualClock()
    keys = queue(clock)
    keys.add_failed("a")
    keys.add_failed("a")
    keys.forget("a")
    keys.add_failed("b")
    await clock.advance(1)
    assert {await keys.get(), await keys.get()} == {"a", "b"}
    await keys.close()


async def test_of_two_delays_the_earlier_counts() -> None:
    clock = ManualClock()
    keys = queue(clock)
    keys.add_after("a", 5)
    keys.add_after("a", 50)
    await clock.advance(5)
    assert await keys.get() == "a"
    keys.done("a")
    getting = asyncio.ensure_future(keys.get())
    await clock.advance(100)
    assert not getting.done()
    getting.cancel()
    await keys.close()


async def test_waiting_for_a_worker_is_work_and_waiting_for_the_clock_is_not() -> None:
    activity = Activity()
    keys = queue(activity=activity)
    keys.add_after("later", 10)
    assert activity.busy_with() == {}
    keys.add("a")
    assert activity.busy_with() == {"test": 1}
    await keys.get()
    assert activity.busy_with() == {"test": 1}
    keys.done("a")
    assert activity.busy_with() == {}
    await keys.close()


async def test_a_queue_that_is_closed_has_no_work_in_hand() -> None:
    activity = Activity()
    keys = queue(activity=activity)
    keys.add("a")
    keys.add("b")
    await keys.get()
    keys.add("a")
    await keys.close()
    keys.done("a")
    assert activity.busy_with() == {}
