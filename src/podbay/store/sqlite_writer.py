"""The one thread that writes and checkpoints the SQLite file: many writes in one commit, so that durability is cheap.

Takes writes from the event loop over a queue; gives each commit's outcomes back to the loop in one call.
Invariant: only this thread's connection writes; revisions have no holes; an outcome is given after its commit.
Every table is one log of versions: a key's newest row is its value, a row without value a deletion.
Source: https://www.sqlite.org/wal.html, and etcd's revisions.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from podbay.store.errors import KeyExists, KeyNotFound, RevisionMismatch, StoreError, StoreUnavailable
from podbay.store.interface import MUST_NOT_EXIST, Change, KeyValue, Revision

_GROUP: Final = 200  # writes in one commit at most
_COMPACTION_STEP: Final = 500  # rows that one step of a compaction looks at
_STOP: Final = object()

# What makes the next format of each one; format 0 is an empty file. A released step never changes: a new one follows.
_STEPS: Final = (
    """
    CREATE TABLE versions (
        revision INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        value BLOB,
        created INTEGER NOT NULL,
        previous INTEGER NOT NULL,
        expires REAL
    );
    CREATE UNIQUE INDEX versions_by_key ON versions (key, revision);
    CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO marks VALUES ('compacted', 0), ('swept', 0), ('revision', 1);
    """,
)


@dataclass(frozen=True, slots=True)
class Write:
    """A put, or a delete if ``value`` is None. ``expires`` is seconds since the epoch."""

    key: str
    value: bytes | None
    expected: Revision
    expires: float | None


@dataclass(slots=True)
class Outcome:
    """What became of one write (or compaction, without change)."""

    future: asyncio.Future[Any]
    change: Change | None = None
    failure: StoreError | None = field(default=None)

    def answer(self) -> None:
        """Wake the writer's caller, unless it was cancelled."""
        if self.future.done():
            return
        if self.failure is not None:
            self.future.set_exception(self.failure)
        else:
            self.future.set_result(self.change)


class Writer:
    """Owns the writing connection. ``prepare``, ``start``, ``write`` and ``compact``, ``stop``."""

    def __init__(self, path: Path, *, synchronous: str, history: int) -> None:
        self._path = path
        self._synchronous = synchronous
        self._history = history
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="podbay-store", daemon=True)
        self._connection: sqlite3.Connection
        self._loop: asyncio.AbstractEventLoop
        self._publish: Callable[[Sequence[Outcome]], None]
        self.revision = 1
        self.published = 1  # what readers read at; set by the loop's thread. Compaction stays below it
        self.compacted = 0
        self._swept = 0

    def prepare(self) -> None:
        """Open the file, making or checking its format. Raises StoreUnavailable, sqlite3.Error."""
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()  # also rolls back what a migration had begun
            raise

    def _prepare(self) -> None:
        execute = self._connection.execute
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)  # SQLite does so for its log, not for the file itself
        finally:
            os.close(directory)
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {self._synchronous}")
        execute("PRAGMA wal_autocheckpoint = 1000")
        found = execute("PRAGMA user_version").fetchone()[0]
        if found > len(_STEPS):
            raise StoreUnavailable(
                f"{self._path} was written by a newer podbay (format {found}, this one knows {len(_STEPS)})"
            )
        if found < len(_STEPS):  # all steps or none: an older podbay can still read what was not migrated
            steps = "".join(_STEPS[found:])
            self._connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {len(_STEPS)}; COMMIT;")
        marks = dict(execute("SELECT name, value FROM marks").fetchall())
        newest = execute("SELECT max(revision) FROM versions").fetchone()[0] or 1
        self.revision = self.published = max(newest, marks["revision"])
        self.compacted, self._swept = marks["compacted"], marks["swept"]

    def start(self, loop: asyncio.AbstractEventLoop, publish: Callable[[Sequence[Outcome]], None]) -> None:
        """Begin to write. ``publish`` is called on the loop's thread with every commit's outcomes."""
        self._loop, self._publish = loop, publish
        self._thread.start()

    async def write(self, write: Write) -> Change:
        """Commit one write. Cancelling leaves its outcome open."""
        future: asyncio.Future[Change] = self._loop.create_future()
        self._queue.put((write, future))
        return await future

    async def compact(self, revision: Revision) -> None:
        """Set the oldest readable revision."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((revision, future))
        await future

    def stop(self) -> None:
        """Commit what is queued and end the thread."""
        self._queue.put(_STOP)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            work = [self._queue.get()]
            while len(work) < _GROUP and not self._queue.empty():
                work.append(self._queue.get())
            stopping = _STOP in [item for item in work if item is _STOP]
            work = [item for item in work if item is not _STOP]
            if work:
                self._tell(self._commit(work))
        while not self._queue.empty():
            item = self._queue.get()
            if item is not _STOP:
                self._tell([Outcome(item[1], failure=StoreUnavailable("the store is closed"))])
        self._connection.close()

    def _tell(self, outcomes: list[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._publish, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _commit(self, work: list[tuple[Any, asyncio.Future[Any]]]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        revision, compacted, swept = self.revision, self.compacted, self._swept
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for item, future in work:
                outcome = Outcome(future)
                outcomes.append(outcome)
                if isinstance(item, Write):
                    try:
                        outcome.change = self._apply(item)
                    except StoreError as error:
                        outcome.failure = error
                else:
                    self._mark_compacted(item)
            oldest = min(self.revision - self._history, self.published)
            if oldest - self.compacted > self._history:
                self._mark_compacted(oldest)
            if self._swept < self.compacted:
                self._sweep()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            self.revision, self.compacted, self._swept = revision, compacted, swept
            failure = StoreUnavailable(f"{self._path}: {error}")
            return [Outcome(future, failure=failure) for _, future in work]
        return outcomes

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return  # no transaction was open: the disk was full at BEGIN

    def _apply(self, write: Write) -> Change:
        row = self._connection.execute(
            "SELECT value, created, revision FROM versions WHERE key = ? ORDER BY revision DESC LIMIT 1", (write.key,)
        ).fetchone()
        previous = (
            KeyValue(write.key, row[0], Revision(row[1]), Revision(row[2])) if row and row[0] is not None else None
        )
        if write.expected == MUST_NOT_EXIST and write.value is not None:
            if previous is not None:
                raise KeyExists(write.key)
        elif previous is None:
            raise KeyNotFound(write.key)
        elif previous.mod_revision != write.expected:
            raise RevisionMismatch(write.key)
        revision = Revision(self.revision + 1)
        created = previous.create_revision if previous else revision
        self._connection.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?)",
            (revision, write.key, write.value, created, previous.mod_revision if previous else 0, write.expires),
        )
        self.revision = revision
        current = None if write.value is None else KeyValue(write.key, write.value, created, revision)
        return Change(revision, write.key, current, previous)

    def _mark_compacted(self, revision: int) -> None:
        self.compacted = max(self.compacted, revision)
        self._connection.execute("UPDATE marks SET value = ? WHERE name = 'compacted'", (self.compacted,))
        self._connection.execute("UPDATE marks SET value = ? WHERE name = 'revision'", (self.revision,))

    def _sweep(self) -> None:
        """Delete the next few versions that nobody can read any more: superseded, or deletions."""
        until = min(self.compacted, self._swept + _COMPACTION_STEP)
        # A version is dead once its successor is at or below the compacted revision. Successors name their
        # predecessor, so one step looks only at the revisions it covers.
        self._connection.execute(
            "DELETE FROM versions WHERE revision IN"
            " (SELECT previous FROM versions WHERE revision > ? AND revision <= ? AND previous > 0)",
            (self._swept, until),
        )
        self._connection.execute(
            "DELETE FROM versions WHERE revision > ? AND revision <= ? AND value IS NULL", (self._swept, until)
        )
        self._swept = until
        self._connection.execute("UPDATE marks SET value = ? WHERE name = 'swept'", (until,))
