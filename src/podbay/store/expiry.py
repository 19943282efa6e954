"""The expiry index: which keys die when, moved by the injected clock.

Takes keys with their revision and lifetime from a backend; asks the backend to delete what is due. A key that was
written since is left alone, because its revision differs.
Invariant: the backend keeps moments of the wall clock, which outlive it; from when a key was added, time is counted on
the clock that never jumps.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.store.errors import StoreError, StoreUnavailable
from podbay.store.interface import Revision

_RETRY_S: Final = 5.0  # after a delete that the store could not do: a full disk may get room


class Expiry:
    """Deletes keys when their time has come. ``delete(key, revision)`` is the backend's compare-and-delete."""

    def __init__(self, clock: Clock, delete: Callable[[str, Revision], Awaitable[object]]) -> None:
        self._clock = clock
        self._delete = delete
        self._due: list[tuple[float, str, Revision]] = []
        self._changed = asyncio.Event()
        self._scope = TaskScope()
        self._running = False

    def add(self, key: str, revision: Revision, expires_at: float) -> None:
        """Let a key die at a moment (seconds since the epoch)."""
        left_s = expires_at - _epoch(self._clock.now())
        heapq.heappush(self._due, (self._clock.monotonic() + left_s, key, revision))
        self._changed.set()
        if not self._running:
            self._running = True
            self._scope.start(self._run(), name="store expiry")

    async def close(self) -> None:
        """Stop deleting."""
        await self._scope.close()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            if not self._due:
                await self._changed.wait()
                continue
            wait_s = self._due[0][0] - self._clock.monotonic()
            if wait_s > 0:
                await self._sleep(wait_s)
                continue
            _, key, revision = heapq.heappop(self._due)
            try:
                await self._delete(key, revision)
            except StoreUnavailable:
                heapq.heappush(self._due, (self._clock.monotonic() + _RETRY_S, key, revision))
            except StoreError:
                continue  # written again or deleted since

    async def _sleep(self, seconds: float) -> None:
        """Wait until something is due or an earlier expiry was added."""
        async with TaskScope() as scope:
            due = scope.start(self._clock.sleep(seconds), name="expiry timer")
            changed = scope.start(self._changed.wait(), name="expiry change")
            await asyncio.wait({due, changed}, return_when=asyncio.FIRST_COMPLETED)


def expires_at(clock: Clock, ttl_s: float | None) -> float | None:
    """Return the moment that a time to live ends, in seconds since the epoch."""
    return None if ttl_s is None else _epoch(clock.now()) + ttl_s


def _epoch(moment: datetime) -> float:
    return moment.timestamp()
