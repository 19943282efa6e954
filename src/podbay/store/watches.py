"""Watchers of one store: each has a bounded buffer; the slow one is cut off, never the others.

Takes committed changes in the order of revisions from a backend; gives each watch those of its range. Runs on the
event loop's thread only.
Invariant: a watch sees every change of its range above its start once and in order, or ends with an error.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from podbay.store.errors import StoreError, StoreUnavailable, WatcherTooSlow
from podbay.store.interface import Change

BUFFER: Final = 20_000  # changes; a watcher that is further behind relists cheaper than it catches up


class RangeWatch:
    """A ``Watch`` over ``[start, end)``, fed by its backend."""

    def __init__(self, start: str, end: str, watchers: "Watchers", *, limit: int) -> None:
        self.start = start
        self.end = end
        self._watchers = watchers
        self._limit = limit
        self._pending: list[Change] = []
        self._ready = asyncio.Event()
        self._failure: StoreError | None = None
        self._closed = False

    def offer(self, changes: Iterable[Change]) -> bool:
        """Take the changes that are in range; return whether the watch goes on. A full buffer ends it."""
        if self._failure is not None or self._closed:
            return False
        self._pending.extend(change for change in changes if self.start <= change.key < self.end)
        if len(self._pending) > self._limit:
            self.fail(WatcherTooSlow(f"more than {self._limit} changes were waiting"))
            return False
        if self._pending:
            self._ready.set()
        return True

    def fail(self, error: StoreError) -> None:
        """End the watch with an error; what was buffered is dropped if the buffer overflowed."""
        if isinstance(error, WatcherTooSlow):
            self._pending.clear()
        self._failure = error
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Sequence[Change]]:
        return self._batches()

    async def _batches(self) -> AsyncIterator[Sequence[Change]]:
        while not self._closed:
            await self._ready.wait()
            if self._pending:
                batch, self._pending = self._pending, []
                if self._failure is None:
                    self._ready.clear()
                yield batch
            elif self._failure is not None:
                raise self._failure
            else:
                self._ready.clear()

    async def close(self) -> None:
        """End the watch; idempotent."""
        self._closed = True
        self._ready.set()
        self._watchers.remove(self)


class Watchers:
    """All watches of one store."""

    def __init__(self, *, limit: int = BUFFER) -> None:
        self._limit = limit
        self._watches: set[RangeWatch] = set()

    def add(self, start: str, end: str, replay: Sequence[Change] = ()) -> RangeWatch:
        """Begin a watch with what it missed. The caller sees to it that no change falls between."""
        watch = RangeWatch(start, end, self, limit=self._limit)
        if watch.offer(replay):
            self._watches.add(watch)
        return watch

    def publish(self, changes: Sequence[Change]) -> None:
        """Give committed changes to everybody whose range they are in."""
        for watch in list(self._watches):
            if not watch.offer(changes):
                self._watches.discard(watch)

    def remove(self, watch: RangeWatch) -> None:
        """Forget a watch."""
        self._watches.discard(watch)

    def close(self) -> None:
        """End every watch with StoreUnavailable."""
        for watch in list(self._watches):
            watch.fail(StoreUnavailable("the store is closed"))
        self._watches.clear()
