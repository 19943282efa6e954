import asyncio

import pytest

from podbay.lib.activity import Activity


async def test_idle_waits_for_work_that_causes_other_work() -> None:
    activity = Activity()
    finished: list[str] = []

    async def second() -> None:
        await asyncio.sleep(0)
        finished.append("second")
        activity.end("second")

    async def first() -> None:
        await asyncio.sleep(0)
        activity.begin("second")
        followers.append(asyncio.ensure_future(second()))
        activity.end("first")

    followers: list[asyncio.Future[None]] = []
    activity.begin("first")
    followers.append(asyncio.ensure_future(first()))
    await activity.idle()
    assert finished == ["second"]
    assert activity.busy_with() == {}


def test_ending_work_that_never_began_is_an_error() -> None:
    with pytest.raises(ValueError, match="ended more often"):
        Activity().end("nothing")
