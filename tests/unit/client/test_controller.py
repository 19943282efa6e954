"""The controller harness: when keys are reconciled, and what happens when that fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from podbay.api.errors import Conflict
from podbay.api.resources import PODS
from podbay.client.controller import Controller
from podbay.client.informer import Informer
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.unit.client.scripted import ScriptedServer, Watch, page


class Story:
    """A controller whose reconcile does what the test says."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.clock, self.activity = ManualClock(), Activity()
        server = ScriptedServer(page(1), Watch(stays=True))
        self.informer = Informer(server.rest(self.activity), PODS, self.clock, self.activity)
        self.controller = Controller("test", [self.informer], self._reconcile, self.clock, self.activity)
        self.calls: list[tuple[str, float]] = []
        self._outcomes = list(outcomes)

    async def _reconcile(self, key: str) -> float | None:
        self.calls.append((key, self.clock.monotonic()))
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with TaskScope() as scope:
            scope.start(self.informer.run(), name="informer")
            scope.start(self.controller.run(), name="controller")
            await self.activity.idle()
            yield


async def test_nothing_is_reconciled_before_the_informers_have_synced() -> None:
    story = Story()
    story.controller.queue.add("a")
    async with TaskScope() as scope:
        scope.start(story.controller.run(), name="controller")
        await story.clock.advance(10)
        assert story.calls == []
        scope.start(story.informer.run(), name="informer")
        await story.activity.idle()
        assert [key for key, _ in story.calls] == ["a"]


async def test_a_key_that_asks_for_it_is_reconciled_again_later() -> None:
    story = Story(30.0)
    async with story.running():
        story.controller.queue.add("a")
        await story.activity.idle()
        await story.clock.advance(30)
        await story.activity.idle()
    assert story.calls == [("a", 0), ("a", 30)]


async def test_a_key_that_fails_is_reconciled_again_after_growing_pauses() -> None:
    story = Story(Conflict("changed"), TransportError("away"), RuntimeError("a bug"))
    async with story.running():
        story.controller.queue.add("a")
        for _ in range(4):
            await story.activity.idle()
            await story.clock.advance(0.02)
    assert len(story.calls) == 4


async def test_success_counts_the_failures_from_zero() -> None:
    story = Story(Conflict("1"), Conflict("2"), None, Conflict("3"))
    async with story.running():
        story.controller.queue.add("a")
        await story.activity.idle()
        await story.clock.advance(1)
        await story.activity.idle()
        story.controller.queue.add("a")
        await story.activity.idle()
        began = story.clock.monotonic()
        await story.clock.advance(1)
        await story.activity.idle()
    assert round(story.calls[-1][1] - began, 6) == 0.005


async def test_while_a_key_is_reconciled_there_is_work_in_hand() -> None:
    story = Story()
    async with story.running():
        story.controller.queue.add("a")
        assert story.activity.busy_with() == {"test": 1}
        await story.activity.idle()
        assert story.activity.busy_with() == {}
