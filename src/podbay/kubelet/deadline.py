"""A moment by which something must be over, and which may come sooner than was said first.

Takes the injected clock. Invariant: it never moves to later.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

Answer = TypeVar("Answer")


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

    async def wait_for(self, work: Coroutine[Any, Any, Answer]) -> Answer | None:
        """Wait for something, but not longer; None if it was given up. Raises what it raises."""
        async with TaskScope() as scope:
            working = scope.start(work, name="in time")
            passed = scope.start(self.passed(), name="passed")
            await asyncio.wait({working, passed}, return_when=asyncio.FIRST_COMPLETED)
            return await working if working.done() else None
