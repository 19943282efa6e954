"""The store in memory: for tests and clusters that need not outlive their process.

Takes keys and bytes; gives etcd's semantics (see ``interface``). Every write is a step of the event loop, so nothing
interleaves. History is bounded: the oldest revisions are compacted as new ones come.
"""

import bisect
from typing import Final

from podbay.lib.clock import Clock
from podbay.store.errors import (
    Compacted,
    FutureRevision,
    KeyExists,
    KeyNotFound,
    RevisionMismatch,
    StoreUnavailable,
)
from podbay.store.expiry import Expiry, expires_at
from podbay.store.interface import MUST_NOT_EXIST, Change, KeyValue, Range, Revision, Watch
from podbay.store.watches import BUFFER, Watchers

_HISTORY: Final = 10_000  # revisions that stay readable; then the older half goes


class MemoryStore:
    """See ``interface.Store``."""

    def __init__(self, clock: Clock, *, history: int = _HISTORY, watch_buffer: int = BUFFER) -> None:
        self._clock = clock
        self._history = history
        self._revision = 1
        self._compacted = 0
        self._live: dict[str, KeyValue] = {}
        self._keys: list[str] = []
        self._log: list[Change] = []
        self._watchers = Watchers(limit=watch_buffer)
        self._expiry = Expiry(clock, self._expire)
        self._closed = False

    async def current_revision(self) -> Revision:
        """Return the highest revision given out."""
        self._check_open()
        return Revision(self._revision)

    async def compacted_revision(self) -> Revision:
        """Return the revision up to which history is gone."""
        self._check_open()
        return Revision(self._compacted)

    async def get(self, key: str, *, revision: Revision | None = None) -> tuple[KeyValue | None, Revision]:
        """Return a key's value now or as of a revision."""
        self._check_open()
        if revision is None:
            return self._live.get(key), Revision(self._revision)
        self._check_readable(revision)
        found = self._live.get(key)
        for change in reversed(self._log):
            if change.revision <= revision:
                break
            if change.key == key:
                found = change.previous
        return found, revision

    async def range(self, start: str, end: str, *, limit: int = 0, revision: Revision | None = None) -> Range:
        """Return a page of keys in order."""
        self._check_open()
        if revision is None:
            low, high = bisect.bisect_left(self._keys, start), bisect.bisect_left(self._keys, end)
            stop = min(high, low + limit) if limit else high
            items = [self._live[key] for key in self._keys[low:stop]]
            return Range(items, Revision(self._revision), high - low)
        self._check_readable(revision)
        then = {key: self._live[key] for key in self._live if start <= key < end}
        for change in reversed(self._log):
            if change.revision <= revision:
                break
            if not start <= change.key < end:
                continue
            if change.previous is None:
                then.pop(change.key, None)
            else:
                then[change.key] = change.previous
        items = [then[key] for key in sorted(then)]
        return Range(items[:limit] if limit else items, revision, len(items))

    async def put(self, key: str, value: bytes, *, expected: Revision, ttl_s: float | None = None) -> KeyValue:
        """Write a key whose revision is the expected one."""
        self._check_open()
        previous = self._compare(key, expected)
        revision = Revision(self._revision + 1)
        current = KeyValue(key, value, previous.create_revision if previous else revision, revision)
        self._commit(Change(revision, key, current, previous))
        moment = expires_at(self._clock, ttl_s)
        if moment is not None:
            self._expiry.add(key, revision, moment)
        return current

    async def delete(self, key: str, *, expected: Revision) -> tuple[KeyValue, Revision]:
        """Delete a key whose revision is the expected one."""
        self._check_open()
        previous = self._live.get(key)
        if previous is None:
            raise KeyNotFound(key)
        if previous.mod_revision != expected:
            raise RevisionMismatch(key)
        revision = Revision(self._revision + 1)
        self._commit(Change(revision, key, None, previous))
        return previous, revision

    async def watch(self, start: str, end: str, *, after: Revision) -> Watch:
        """Watch a range from a revision on."""
        self._check_open()
        if after < self._compacted:
            raise Compacted(f"revision {after} is compacted, the oldest is {self._compacted}")
        if after > self._revision:
            raise FutureRevision(f"revision {after} is above {self._revision}")
        first = bisect.bisect_right(self._log, after, key=lambda change: change.revision)
        return self._watchers.add(start, end, self._log[first:])

    async def compact(self, revision: Revision) -> None:
        """Forget history up to a revision."""
        self._check_open()
        if revision > self._revision:
            raise FutureRevision(f"revision {revision} is above {self._revision}")
        if revision < self._compacted:
            raise Compacted(f"revision {revision} is compacted already")
        self._forget(revision)

    async def close(self) -> None:
        """End every watch and refuse further calls."""
        self._closed = True
        await self._expiry.close()
        self._watchers.close()

    async def _expire(self, key: str, revision: Revision) -> None:
        await self.delete(key, expected=revision)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _check_readable(self, revision: Revision) -> None:
        if revision > self._revision:
            raise FutureRevision(f"revision {revision} is above {self._revision}")
        if revision < self._compacted:
            raise Compacted(f"revision {revision} is compacted, the oldest is {self._compacted}")

    def _compare(self, key: str, expected: Revision) -> KeyValue | None:
        previous = self._live.get(key)
        if expected == MUST_NOT_EXIST:
            if previous is not None:
                raise KeyExists(key)
        elif previous is None:
            raise KeyNotFound(key)
        elif previous.mod_revision != expected:
            raise RevisionMismatch(key)
        return previous

    def _commit(self, change: Change) -> None:
        self._revision = change.revision
        if change.current is None:
            del self._live[change.key]
            del self._keys[bisect.bisect_left(self._keys, change.key)]
        else:
            if change.previous is None:
                bisect.insort(self._keys, change.key)
            self._live[change.key] = change.current
        self._log.append(change)
        if len(self._log) > 2 * self._history:
            self._forget(Revision(self._revision - self._history))
        self._watchers.publish((change,))

    def _forget(self, revision: Revision) -> None:
        self._compacted = revision
        first = bisect.bisect_right(self._log, revision, key=lambda change: change.revision)
        del self._log[:first]
