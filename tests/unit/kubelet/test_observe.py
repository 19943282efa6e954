"""What is seen of the runtime, and how long an end that was told is waited for."""

import asyncio

import pytest

from podbay.cri.fake import FakeRuntime
from podbay.cri.runtime import Container, ContainerState, RuntimeFailure
from podbay.kubelet.observe import Observer
from podbay.lib.clock import ManualClock


class SlowRuntime(FakeRuntime):
    """Tells that a container has ended, and shows it only some time later; or has nothing of it, or is gone."""

    def __init__(self, clock: ManualClock, shown_s: float, failure: RuntimeFailure | None = None) -> None:
        super().__init__(clock)
        self.clock, self.shown_s, self.failure = clock, shown_s, failure

    async def container_status(self, container_id: str) -> Container:
        if self.failure is not None:
            raise self.failure
        is_shown = self.clock.monotonic() >= self.shown_s
        state = ContainerState.EXITED if is_shown else ContainerState.RUNNING
        return Container(id=container_id, sandbox_id="s", name="main", attempt=0, state=state, created_at=1)


@pytest.mark.parametrize("shown_s", [0.05, 2.5, 40.0])
async def test_an_end_that_was_told_is_waited_for_however_busy_the_machine_is(shown_s: float) -> None:
    clock = ManualClock()
    waiting = asyncio.ensure_future(Observer(SlowRuntime(clock, shown_s), clock).settled("c"))
    await clock.advance(shown_s - 0.02)
    assert not waiting.done()
    await clock.advance(0.02 + max(0.01, shown_s / 10))
    assert waiting.done()
    await waiting


@pytest.mark.parametrize("code", ["NOT_FOUND", "UNAVAILABLE"])
async def test_an_end_of_what_the_runtime_does_not_tell_of_is_not_waited_for(code: str) -> None:
    clock = ManualClock()
    await Observer(SlowRuntime(clock, 1.0, RuntimeFailure(code, "gone")), clock).settled("c")
    assert clock.monotonic() == 0.0


async def test_an_end_that_never_shows_is_given_up_when_everything_is_looked_at_anyway() -> None:
    clock = ManualClock()
    waiting = asyncio.ensure_future(Observer(SlowRuntime(clock, 1e9), clock).settled("c"))
    await clock.advance(400)
    assert waiting.done()
    await waiting
