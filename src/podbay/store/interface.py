"""The store's interface: etcd's semantics, for memory, SQLite and etcd alike.

One global revision that starts at 1 (an empty store) and never goes back; every write gets the next one, alone.
Takes keys and bytes from the API server's storage; gives revisions, values and, to watchers, each change with its
new and its previous value.

Invariant: a write that was acknowledged is durable (as far as the backend is) and is seen by every later read;
watchers see every change once, in the order of revisions, and nothing else.
Source: https://etcd.io/docs/v3.5/learning/api/
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

Revision = NewType("Revision", int)

MUST_NOT_EXIST = Revision(0)


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key as of some revision."""

    key: str
    value: bytes
    create_revision: Revision
    mod_revision: Revision


@dataclass(frozen=True, slots=True)
class Range:
    """A page of keys in order. ``count`` is how many keys match in all; ``revision`` is what it was read at."""

    items: Sequence[KeyValue]
    revision: Revision
    count: int

    @property
    def more(self) -> bool:
        """Tell whether the limit cut the page."""
        return self.count > len(self.items)


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write. ``current`` is None for a delete or an expiry; ``previous`` is None for a create."""

    revision: Revision
    key: str
    current: KeyValue | None
    previous: KeyValue | None


class Watch(Protocol):
    """Changes from a revision on, in batches (all that is there at once).

    Iteration raises WatcherTooSlow when the buffer overflowed, Compacted when the start is gone,
    StoreUnavailable when the store closes.
    """

    def __aiter__(self) -> AsyncIterator[Sequence[Change]]:
        """Iterate over batches, each non-empty and ordered."""

    async def close(self) -> None:
        """End the watch; idempotent."""


class Store(Protocol):
    """See the module. Every method may raise StoreUnavailable; cancelling a write leaves its outcome open."""

    async def current_revision(self) -> Revision:
        """Return the highest revision given out."""

    async def compacted_revision(self) -> Revision:
        """Return the revision below or at which exact reads and watches are gone; 0 if none."""

    async def get(self, key: str, *, revision: Revision | None = None) -> tuple[KeyValue | None, Revision]:
        """Return one key now, or as of a revision (Compacted, FutureRevision), and the revision read at."""

    async def range(self, start: str, end: str, *, limit: int = 0, revision: Revision | None = None) -> Range:
        """Return keys in ``[start, end)`` in byte order; limit 0 means all. Raises Compacted, FutureRevision."""

    async def put(self, key: str, value: bytes, *, expected: Revision, ttl_s: float | None = None) -> KeyValue:
        """Write a key if its mod_revision is ``expected`` (MUST_NOT_EXIST: if there is none).

        Raises KeyExists, KeyNotFound, RevisionMismatch. A time to live deletes the key after that many seconds,
        as a change of its own; each put sets it anew (None: lives for ever).
        """

    async def delete(self, key: str, *, expected: Revision) -> tuple[KeyValue, Revision]:
        """Delete a key if its mod_revision is ``expected``. Return what was there and the delete's revision.

        Raises KeyNotFound, RevisionMismatch.
        """

    async def watch(self, start: str, end: str, *, after: Revision) -> Watch:
        """Watch changes in ``[start, end)`` with a revision above ``after``. Raises Compacted, FutureRevision."""

    async def compact(self, revision: Revision) -> None:
        """Forget history up to and including ``revision``, keeping each live key's newest value."""

    async def close(self) -> None:
        """Flush and close; watches end with StoreUnavailable. Idempotent."""


def prefix_end(prefix: str) -> str:
    """Return the end of the range of all keys that begin with ``prefix``: its last character raised by one."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
