from podbay.lib.clock import ManualClock
from podbay.lib.moments import Moments


async def test_a_stamp_is_as_long_ago_as_the_wall_clock_said_first_however_it_is_set_later() -> None:
    clock = ManualClock()
    moments = Moments(clock)
    await clock.advance(100)
    stamp = clock.now().timestamp() - 30
    assert moments.of("one", stamp) == 70
    for by in (7200, -14_400):
        clock.set_wall(by)
        await clock.advance(10)
        assert moments.of("one", stamp) == 70
    assert moments.of("one", stamp - 60) != 70  # another stamp, by what the clock says now


def test_a_stamp_of_the_future_is_now() -> None:
    clock = ManualClock()
    assert Moments(clock).of("one", clock.now().timestamp() + 3600) == clock.monotonic()
