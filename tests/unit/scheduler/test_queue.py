"""The scheduling queue: who is next, who waits for what, and when everybody is tried again."""

import asyncio

from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.scheduler.filters import Plugin
from podbay.scheduler.queue import Place, SchedulingQueue


class Queue(SchedulingQueue):
    """A queue with its world."""

    def __init__(self) -> None:
        self.clock, self.activity = ManualClock(), Activity()
        super().__init__(self.clock, self.activity)

    async def fails(self, key: str) -> None:
        """Try the next pod, which must be this one, in vain."""
        assert await self.pop() == key
        self.set_aside(key, {Plugin.NODE_AFFINITY})
        self.done()


async def test_higher_priorities_come_first_and_then_the_older() -> None:
    queue = Queue()
    for key, priority in (("a", 0), ("b", 0), ("c", 10)):
        queue.add(key, priority)
    assert [await queue.pop() for _ in range(3)] == ["c", "a", "b"]


async def test_a_pod_that_is_added_twice_comes_once() -> None:
    queue = Queue()
    queue.add("a", 0)
    queue.add("a", 0)
    await queue.pop()
    waiting = asyncio.ensure_future(queue.pop())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_pod_that_changes_while_it_is_tried_comes_again() -> None:
    queue = Queue()
    queue.add("a", 0)
    await queue.pop()
    queue.add("a", 0)
    queue.set_aside("a", ())
    queue.done()
    assert await queue.pop() == "a"


async def test_a_pod_that_was_removed_does_not_come() -> None:
    queue = Queue()
    queue.add("a", 0)
    queue.remove("a")
    queue.add("b", 0)
    assert await queue.pop() == "b"


async def test_news_wakes_whom_it_could_help_after_the_back_off() -> None:
    queue = Queue()
    queue.add("a", 0)
    queue.add("b", 0)
    await queue.fails("a")
    await queue.fails("b")
    queue.wake(lambda pod: pod.key == "a" and pod.refused_by == {Plugin.NODE_AFFINITY})
    assert (queue.place_of("a"), queue.place_of("b")) == (Place.BACKOFF, Place.ASIDE)
    await queue.clock.advance(1)
    assert (queue.place_of("a"), queue.place_of("b")) == (Place.ACTIVE, Place.ASIDE)
    await queue.close()


async def test_news_after_the_back_off_wakes_at_once() -> None:
    queue = Queue()
    queue.add("a", 0)
    await queue.fails("a")
    await queue.clock.advance(1)
    queue.wake(lambda _: True)
    assert queue.place_of("a") is Place.ACTIVE
    await queue.close()


async def test_the_back_off_doubles_up_to_ten_seconds() -> None:
    queue = Queue()
    queue.add("a", 0)
    pauses = []
    for _ in range(6):
        await queue.fails("a")
        queue.wake(lambda _: True)
        began = queue.clock.monotonic()
        while queue.place_of("a") is Place.BACKOFF:
            await queue.clock.advance(1)
        pauses.append(queue.clock.monotonic() - began)
    assert pauses == [1, 2, 4, 8, 10, 10]
    await queue.close()


async def test_a_pod_that_nothing_helps_is_tried_again_after_five_minutes() -> None:
    queue = Queue()
    queue.add("a", 0)
    await queue.fails("a")
    await queue.clock.advance(299)
    assert queue.place_of("a") is Place.ASIDE
    await queue.clock.advance(1)
    assert queue.place_of("a") is Place.ACTIVE
    await queue.close()


async def test_a_try_that_the_server_thwarted_is_repeated_by_itself() -> None:
    queue = Queue()
    queue.add("a", 0)
    await queue.pop()
    queue.back_off("a")
    queue.done()
    assert queue.place_of("a") is Place.BACKOFF
    await queue.clock.advance(1)
    assert queue.place_of("a") is Place.ACTIVE
    await queue.close()


async def test_active_pods_are_work_in_hand_and_others_are_not() -> None:
    queue = Queue()
    queue.add("a", 0)
    queue.add("b", 0)
    assert sum(queue.activity.busy_with().values()) == 2
    await queue.fails("a")
    queue.remove("b")
    assert queue.activity.busy_with() == {}
    queue.wake(lambda _: True)
    assert queue.activity.busy_with() == {}
    await queue.close()
    assert queue.clock.next_due_s() is None


async def test_a_back_off_after_a_refusal_is_not_waited_for_when_nobody_else_is_active() -> None:
    queue = Queue()
    for key in ("a", "b"):
        queue.add(key, 0)
    for key in ("a", "b"):
        await queue.fails(key)
    queue.add("c", 0)
    queue.wake(lambda _: True)
    assert [await queue.pop() for _ in range(3)] == ["c", "a", "b"]
    await queue.close()


async def test_who_wakes_while_the_scheduler_is_idle_is_tried_at_once() -> None:
    queue = Queue()
    queue.add("a", 0)
    await queue.fails("a")
    popping = asyncio.ensure_future(queue.pop())
    await asyncio.sleep(0)
    queue.wake(lambda _: True)
    assert await popping == "a"
    await queue.close()


async def test_a_back_off_after_an_error_is_always_waited_for() -> None:
    queue = Queue()
    queue.add("a", 0)
    assert await queue.pop() == "a"
    queue.back_off("a")
    queue.done()
    popping = asyncio.ensure_future(queue.pop())
    await asyncio.sleep(0)
    assert not popping.done()
    await queue.clock.advance(1)
    assert await popping == "a"
    await queue.close()
