"""Many keys that are due at some time, and one sleeper for the earliest of them.

Takes keys with delays of the injected clock; calls back with each key that is due, once.
Invariant: a key has one due time, the last that was set; at most one task sleeps however many keys wait.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

Key = TypeVar("Key", bound=Hashable)


class Timers(Generic[Key]):
    """See the module. The callback must not block; it may set timers again."""

    def __init__(self, name: str, clock: Clock, on_due: Callable[[Key], None]) -> None:
        self._name = name
        self._clock = clock
        self._on_due = on_due
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._sleeper: asyncio.Task[None] | None = None
        self._until = 0.0
        self._scope = TaskScope()

    def set(self, key: Key, delay_s: float) -> None:
        """Have a key due after that long, instead of when it was due before."""
        when = self._clock.monotonic() + delay_s
        self._due[key] = when
        heapq.heappush(self._heap, (when, next(self._order), key))
        if self._sleeper is None or when < self._until:
            self._sleep_anew()

    def due_in_s(self, key: Key) -> float | None:
        """Return in how many seconds a key is due, or None if it is not set."""
        when = self._due.get(key)
        return None if when is None else when - self._clock.monotonic()

    def clear(self, key: Key) -> None:
        """Forget a key. Nothing happens if it is not set."""
        self._due.pop(key, None)

    async def close(self) -> None:
        """Forget every key."""
        self._due.clear()
        self._heap.clear()
        await self._scope.close()

    def _sleep_anew(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
            self._sleeper = None
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # it was set again, or cleared
        if self._heap:
            self._until = self._heap[0][0]
            self._sleeper = self._scope.start(self._sleep(self._until), name=f"{self._name} timer")

    async def _sleep(self, until: float) -> None:
        await self._clock.sleep(until - self._clock.monotonic())
        self._sleeper = None
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self._on_due(key)
        if self._sleeper is None:  # the callback may have set a timer, and so a sleeper
            self._sleep_anew()
