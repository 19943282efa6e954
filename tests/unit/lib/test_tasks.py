"""Tasks with a scope: none outlives it, and one that fails is told without taking the others along."""

import asyncio
import logging

import pytest

from podbay.lib.tasks import TaskScope


async def forever(log: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        log.append(name)


async def fail() -> None:
    raise ValueError("broken")


async def test_leaving_a_scope_ends_what_still_runs_and_waits_for_it() -> None:
    ended: list[str] = []
    async with TaskScope() as scope:
        first = scope.start(forever(ended, "first"), name="first")
        scope.start(forever(ended, "second"), name="second")
        await asyncio.sleep(0)
    assert first.cancelled() and sorted(ended) == ["first", "second"]


async def test_a_scope_that_is_left_by_an_error_ends_its_tasks_too() -> None:
    ended: list[str] = []
    with pytest.raises(ValueError, match="broken"):
        async with TaskScope() as scope:
            scope.start(forever(ended, "one"), name="one")
            await asyncio.sleep(0)
            await fail()
    assert ended == ["one"]


async def test_a_task_that_fails_is_told_and_leaves_its_siblings_alone(caplog: pytest.LogCaptureFixture) -> None:
    told: list[BaseException] = []
    ended: list[str] = []
    async with TaskScope(told.append) as scope:
        sibling = scope.start(forever(ended, "sibling"), name="sibling")
        failing = scope.start(fail(), name="failing")
        await asyncio.wait({failing})
        await asyncio.sleep(0)
        assert [str(error) for error in told] == ["broken"] and not sibling.done()
    records = [record for record in caplog.records if record.name == "podbay.lib.tasks"]
    assert [record.getMessage() for record in records] == ["task failing failed"]
    assert records[0].levelno == logging.ERROR and records[0].exc_info


async def test_a_task_gives_its_result_to_whoever_waits_for_it() -> None:
    async def answer() -> int:
        return 42

    async with TaskScope() as scope:
        assert await scope.start(answer(), name="answer") == 42


async def test_a_task_that_a_dying_task_starts_is_ended_as_well() -> None:
    ended: list[str] = []
    scope = TaskScope()

    async def starts_another() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            scope.start(forever(ended, "late"), name="late")

    async with scope:
        scope.start(starts_another(), name="first")
        await asyncio.sleep(0)
    assert {task.get_name() for task in asyncio.all_tasks()} & {"first", "late"} == set()
