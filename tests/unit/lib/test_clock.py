import asyncio

from podbay.lib.clock import ManualClock


async def test_advancing_wakes_sleepers_in_the_order_of_their_deadlines() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.ensure_future(sleeper("late", 20)), asyncio.ensure_future(sleeper("early", 5))]
    await asyncio.sleep(0)
    assert clock.next_due_s() == 5
    await clock.advance(30)
    await asyncio.gather(*tasks)
    assert woken == [("early", 5.0), ("late", 20.0)]
    assert clock.monotonic() == 30


async def test_a_sleeper_that_sleeps_again_is_woken_in_the_same_advance() -> None:
    clock = ManualClock()
    ticks: list[float] = []

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(10)
            ticks.append(clock.monotonic())

    task = asyncio.ensure_future(ticker())
    await asyncio.sleep(0)
    await clock.advance(30)
    await task
    assert ticks == [10.0, 20.0, 30.0]


async def test_setting_the_wall_time_moves_nothing_else() -> None:
    clock = ManualClock()
    before = clock.now()
    task = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.set_wall(3600)
    assert (clock.now() - before).total_seconds() == 3600
    assert (clock.monotonic(), clock.next_due_s()) == (0, 10)
    await clock.advance(10)
    await task
