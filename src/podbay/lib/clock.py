"""Time, injected: every component asks a Clock for the time and waits on it, never on the system.

``RealClock`` is the machine's; ``ManualClock`` stands still until a test advances it, and says what is
due next, so that a ten-minute story is a test of milliseconds.

Invariant: ``monotonic`` never goes back, and ``advance`` wakes sleepers in the order of their deadlines,
letting the event loop run between two different deadlines.
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_TURNS_BETWEEN_DEADLINES: Final = 50


class Clock(Protocol):
    """What a component may know of time. Seconds are floats; ``now`` is an aware datetime in UTC."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long; at once for zero or less. Cancelling forgets the sleeper."""


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the system's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that a test moves. Waiting for it is not work: an idle cluster may have many sleepers."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the start plus what was advanced, and by how much it was set."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def set_wall(self, by_s: float) -> None:
        """Have the wall time jump, as somebody sets a machine's clock: nothing else moves."""
        self._start += timedelta(seconds=by_s)

    def monotonic(self) -> float:
        """Return what was advanced, in seconds."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), future))
        await future

    def next_due_s(self) -> float | None:
        """Return in how many seconds the next sleeper is due, or None if nobody waits."""
        self._drop_cancelled()
        return self._sleepers[0][0] - self._elapsed_s if self._sleepers else None

    async def advance(self, seconds: float) -> None:
        """Move the clock forward, waking each sleeper at its own moment."""
        target = self._elapsed_s + seconds
        await _turns()  # tasks that were only just started may want to sleep, too
        while True:
            self._drop_cancelled()
            if not self._sleepers or self._sleepers[0][0] > target:
                break
            deadline = self._sleepers[0][0]
            self._elapsed_s = max(self._elapsed_s, deadline)
            while self._sleepers and self._sleepers[0][0] <= deadline:
                _, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)
            await _turns()
        self._elapsed_s = target

    def _drop_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)


async def _turns() -> None:
    for _ in range(_TURNS_BETWEEN_DEADLINES):
        await asyncio.sleep(0)
