"""The store in one SQLite file: the embedded default.

Takes keys and bytes; gives etcd's semantics (see ``interface``). One thread writes and checkpoints (``sqlite_writer``);
reads go over a read-only connection on the event loop's thread, where they cost microseconds.
Invariant: a write is answered after its commit is on the disk and after watchers were given it, so whoever reads after
an answer sees it. One process has the file at a time, by a lock beside it.
Source: https://www.sqlite.org/wal.html
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from podbay.lib.clock import Clock
from podbay.store.errors import Compacted, FutureRevision, StoreUnavailable
from podbay.store.expiry import Expiry, expires_at
from podbay.store.interface import Change, KeyValue, Range, Revision, Watch
from podbay.store.sqlite_writer import Outcome, Write, Writer
from podbay.store.watches import BUFFER, Watchers

_HISTORY: Final = 10_000

_NEWEST: Final = """
    SELECT key, value, created, revision FROM versions AS v
    WHERE key >= ? AND key < ? AND revision <= ? AND value IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM versions AS n WHERE n.key = v.key AND n.revision > v.revision AND n.revision <= ?)
"""


class SqliteStore:
    """See ``interface.Store``. Made by ``open``."""

    def __init__(self, clock: Clock, reader: sqlite3.Connection, writer: Writer, lock: int, watch_buffer: int) -> None:
        self._clock = clock
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._revision = writer.revision
        self._watchers = Watchers(limit=watch_buffer)
        self._expiry = Expiry(clock, self._expire)
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: str | Path,
        clock: Clock,
        *,
        synchronous: str = "FULL",
        history: int = _HISTORY,
        watch_buffer: int = BUFFER,
    ) -> "SqliteStore":
        """Open or make the file. StoreUnavailable if another process has it, or if a newer podbay wrote it."""
        path = Path(path)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StoreUnavailable(f"{path} is in use by another process") from None
        try:
            writer = Writer(path, synchronous=synchronous, history=history)
            await asyncio.to_thread(writer.prepare)
            reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        except BaseException as error:
            os.close(lock)
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(f"{path}: {error}") from error
            raise
        store = cls(clock, reader, writer, lock, watch_buffer)
        writer.start(asyncio.get_running_loop(), store._committed)
        for key, revision, moment in reader.execute(
            "SELECT key, revision, expires FROM versions AS v WHERE expires IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM versions AS n WHERE n.key = v.key AND n.revision > v.revision)"
        ):
            store._expiry.add(key, Revision(revision), moment)
        return store

    async def current_revision(self) -> Revision:
        """Return the highest revision that is committed."""
        self._check_open()
        return Revision(self._revision)

    async def compacted_revision(self) -> Revision:
        """Return the revision up to which history is gone."""
        self._check_open()
        return Revision(self._writer.compacted)

    async def get(self, key: str, *, revision: Revision | None = None) -> tuple[KeyValue | None, Revision]:
        """Return a key's value now or as of a revision."""
        at = self._readable(revision)
        row = self._query(
            "SELECT key, value, created, revision FROM versions WHERE key = ? AND revision <= ?"
            " ORDER BY revision DESC LIMIT 1",
            (key, at),
        )
        return (_key_value(row[0]) if row and row[0][1] is not None else None), at

    async def range(self, start: str, end: str, *, limit: int = 0, revision: Revision | None = None) -> Range:
        """Return a page of keys in order."""
        at = self._readable(revision)
        rows = self._query(f"{_NEWEST} ORDER BY key LIMIT ?", (start, end, at, at, limit or -1))
        count = len(rows)
        if limit and count == limit:
            count = self._query(f"SELECT count(*) FROM ({_NEWEST})", (start, end, at, at))[0][0]
        return Range([_key_value(row) for row in rows], at, count)

    async def put(self, key: str, value: bytes, *, expected: Revision, ttl_s: float | None = None) -> KeyValue:
        """Write a key whose revision is the expected one."""
        moment = expires_at(self._clock, ttl_s)
        change = await self._write(Write(key, bytes(value), expected, moment))
        if moment is not None:
            self._expiry.add(key, change.revision, moment)
        assert change.current is not None
        return change.current

    async def delete(self, key: str, *, expected: Revision) -> tuple[KeyValue, Revision]:
        """Delete a key whose revision is the expected one."""
        change = await self._write(Write(key, None, expected, None))
        assert change.previous is not None
        return change.previous, change.revision

    async def watch(self, start: str, end: str, *, after: Revision) -> Watch:
        """Watch a range from a revision on: what is in the log first, then what is committed."""
        self._readable(after)
        rows = self._query(
            "SELECT v.key, v.value, v.created, v.revision, p.value, p.created, p.revision FROM versions AS v"
            " LEFT JOIN versions AS p ON p.revision = v.previous AND p.value IS NOT NULL"
            " WHERE v.revision > ? AND v.revision <= ? AND v.key >= ? AND v.key < ? ORDER BY v.revision",
            (after, self._revision, start, end),
        )
        return self._watchers.add(start, end, [_change(row) for row in rows])

    async def compact(self, revision: Revision) -> None:
        """Forget history up to a revision; the rows go in small steps beside later writes."""
        self._readable(revision)
        await self._writer.compact(revision)

    async def close(self) -> None:
        """Commit what was asked for, stop the writer and let go of the file."""
        if self._closed:
            return
        self._closed = True
        await self._expiry.close()
        await asyncio.to_thread(self._writer.stop)
        self._watchers.close()
        self._reader.close()
        os.close(self._lock)

    async def _expire(self, key: str, revision: Revision) -> None:
        await self.delete(key, expected=revision)

    async def _write(self, write: Write) -> Change:
        self._check_open()
        return await self._writer.write(write)

    def _committed(self, outcomes: Sequence[Outcome]) -> None:
        """Tell watchers, then the writers, of one commit; on the event loop's thread."""
        changes = [outcome.change for outcome in outcomes if outcome.change is not None]
        if changes:
            self._revision = self._writer.published = changes[-1].revision
            self._watchers.publish(changes)
        for outcome in outcomes:
            outcome.answer()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _readable(self, revision: Revision | None) -> Revision:
        self._check_open()
        if revision is None:
            return Revision(self._revision)
        if revision > self._revision:
            raise FutureRevision(f"revision {revision} is above {self._revision}")
        if revision < self._writer.compacted:
            raise Compacted(f"revision {revision} is compacted, the oldest is {self._writer.compacted}")
        return revision

    def _query(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self._reader.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error


def _key_value(row: Sequence[Any]) -> KeyValue:
    return KeyValue(row[0], row[1], Revision(row[2]), Revision(row[3]))


def _change(row: Sequence[Any]) -> Change:
    key = row[0]
    current = None if row[1] is None else KeyValue(key, row[1], Revision(row[2]), Revision(row[3]))
    previous = None if row[4] is None else KeyValue(key, row[4], Revision(row[5]), Revision(row[6]))
    return Change(Revision(row[3]), key, current, previous)
