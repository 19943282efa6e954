"""A queue of keys to reconcile: each key once at a time, however often it is added.

Takes hashable keys; gives each to one worker. A key added while it is being worked on comes again afterwards; a key
that failed comes again after a growing delay of the injected clock.
Invariant: a key that waits for a worker, or is being worked on, counts as work in hand; one that waits for the clock
does not.
"""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.timers import Timers

Key = TypeVar("Key", bound=Hashable)


class WorkQueue(Generic[Key]):
    """See the module. ``get`` a key, work on it, then ``done`` (and ``forget`` or ``add_failed``)."""

    def __init__(self, name: str, clock: Clock, activity: Activity, backoff: Backoff) -> None:
        self._name = name
        self._activity = activity
        self._backoff = backoff
        self._waiting: dict[Key, None] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._ready = asyncio.Event()
        self._later: Timers[Key] = Timers(name, clock, self.add)

    def add(self, key: Key) -> None:
        """Have a key worked on soon."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._activity.begin(self._name)
            self._waiting[key] = None
            self._ready.set()

    def add_after(self, key: Key, delay_s: float) -> None:
        """Have a key worked on once the clock has moved that far; of two such wishes the earlier one counts."""
        if delay_s <= 0:
            self.add(key)
            return
        due_in_s = self._later.due_in_s(key)
        if due_in_s is None or delay_s < due_in_s:
            self._later.set(key, delay_s)

    def add_failed(self, key: Key) -> None:
        """Have a key that failed worked on again, later with every failure."""
        self._failures[key] = self._failures.get(key, 0) + 1
        self.add_after(key, self._backoff.delay_s(self._failures[key]))

    def forget(self, key: Key) -> None:
        """Count a key's failures from zero again."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Return the next key, waiting for one. Cancelling takes none."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """Say that a key's work is over."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        self._activity.end(self._name)

    async def close(self) -> None:
        """Forget every key that waits, for a worker or for the clock."""
        await self._later.close()
        for _ in self._waiting:
            self._activity.end(self._name)
        self._waiting.clear()
        self._again.clear()
