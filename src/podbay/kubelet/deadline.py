"""A moment by which something must be over, and which may come sooner than was said first.

Takes the injected clock. Invariant: it never moves to later.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from podbay.kubelet.patience import Patience
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

Answer = TypeVar("Answer")
_TURNS: Final = 2


class Deadline:
    """See the module."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds
        self._moved = asyncio.Event()

    def left_s(self) -> float:
        """Return how much time is left; zero if none."""
        return max(0.0, self._at - self._clock.monotonic())

    def shorten(self, seconds: float) -> None:
        """Have it come in so many seconds, unless it comes sooner anyway."""
        at = self._clock.monotonic() + seconds
        if at < self._at:
            self._at = at
            self._moved.set()
            self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Return when it was moved."""
        await self._moved.wait()

    async def passed(self) -> None:
        """Return when it has passed."""
        while (left := self.left_s()) > 0:
            async with TaskScope() as scope:
                sleep = scope.start(self._clock.sleep(left), name="deadline")
                moved = scope.start(self._moved.wait(), name="deadline moved")
                await asyncio.wait({sleep, moved}, return_when=asyncio.FIRST_COMPLETED)

    async def wait_for(self, work: Coroutine[Any, Any, Answer], patience: Patience) -> Answer | None:
        """Wait for something, but not longer; None if it was given up. Raises what it raises."""
        async with TaskScope() as scope:
            working = scope.start(outcome(work), name="in time")
            for _ in range(_TURNS):
                await asyncio.sleep(0)  # what is done at once is not waited for
            if not working.done():
                passed = scope.start(self.passed(), name="passed")
                with patience.waiting():
                    await asyncio.wait({working, passed}, return_when=asyncio.FIRST_COMPLETED)
            found: Answer | Exception | None = await working if working.done() else None
        if isinstance(found, Exception):
            raise found
        return found


async def outcome(work: Coroutine[Any, Any, Answer]) -> Answer | Exception:
    """Return what came of it as data: a task that fails would be logged as a fault."""
    try:
        return await work
    except Exception as error:
        return error
