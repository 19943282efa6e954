"""Timers: one sleeper for many keys."""

from podbay.lib.clock import ManualClock
from podbay.lib.timers import Timers


async def test_keys_are_due_in_the_order_of_their_times() -> None:
    clock, due = ManualClock(), list[str]()
    timers = Timers[str]("test", clock, due.append)
    timers.set("late", 10)
    timers.set("early", 5)
    await clock.advance(4)
    assert due == []
    await clock.advance(2)
    assert due == ["early"]
    await clock.advance(4)
    assert due == ["early", "late"]
    await timers.close()


async def test_the_last_time_that_was_set_counts() -> None:
    clock, due = ManualClock(), list[str]()
    timers = Timers[str]("test", clock, due.append)
    timers.set("a", 5)
    timers.set("a", 20)
    await clock.advance(10)
    assert (due, timers.due_in_s("a")) == ([], 10)
    await clock.advance(10)
    assert (due, timers.due_in_s("a")) == (["a"], None)
    await timers.close()


async def test_a_key_that_is_cleared_is_never_due() -> None:
    clock, due = ManualClock(), list[str]()
    timers = Timers[str]("test", clock, due.append)
    timers.set("a", 5)
    timers.set("b", 5)
    timers.clear("a")
    await clock.advance(10)
    assert due == ["b"]
    await timers.close()


async def test_a_callback_may_set_its_key_again() -> None:
    clock, due = ManualClock(), list[float]()

    def again(key: str) -> None:
        due.append(clock.monotonic())
        timers.set(key, 3)

    timers = Timers[str]("test", clock, again)
    timers.set("a", 3)
    await clock.advance(10)
    assert due == [3, 6, 9]
    await timers.close()


async def test_only_one_task_sleeps_and_none_after_the_end() -> None:
    clock = ManualClock()
    timers = Timers[int]("test", clock, lambda _: None)
    for number in range(100):
        timers.set(number, 100 - number)
    await clock.advance(0.5)
    assert clock.next_due_s() == 0.5
    await timers.close()
    assert clock.next_due_s() is None
