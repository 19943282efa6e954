"""The audit log as requests see it: events are put down at once, and written beside the event loop.

Takes events; writes their lines in order. As upstream's log in batch mode: an answer never waits for the disk.
Invariant: a log that cannot be written, or not fast enough, breaks no request; the server's log says so, once for each
time, and how many events were lost once it can be written again.
Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#batching
"""

import asyncio
import logging
from typing import Final

from podbay.apiserver.audit.events import AuditEvent
from podbay.apiserver.audit.log_file import LogFile
from podbay.lib.tasks import TaskScope

_log = logging.getLogger(__name__)

_MOST: Final = 10_000  # events that may wait, as upstream's buffer
_MOST_BYTES: Final = 64 * 1024 * 1024  # of their bodies
_FINISH_S: Final = 2.0


class AuditLog:
    """See the module. ``open`` first, ``close`` last."""

    def __init__(self, file: LogFile, *, most: int = _MOST) -> None:
        self._file = file
        self._most = most
        self._scope = TaskScope()
        self._writing: asyncio.Task[None] | None = None
        self._waiting: list[AuditEvent] = []
        self._bytes = 0
        self._lost = 0
        self.given = 0  # since the server began, as is ``lost``
        self.lost = 0

    def open(self) -> None:
        """Open the file. Raises OSError."""
        self._file.open()

    def append(self, event: AuditEvent) -> None:
        """Put an event down to be written."""
        self.given += 1
        size = len(event.request) + (len(event.answer.body) if event.answer is not None else 0)
        if len(self._waiting) >= self._most or self._bytes + size > _MOST_BYTES:
            self._lose(1, "events come faster than they can be written")
            return
        self._waiting.append(event)
        self._bytes += size
        if self._writing is None or self._writing.done():
            self._writing = self._scope.start(self._write_waiting(), name="audit log")

    async def written(self) -> None:
        """Return when everything that was put down is written, or lost."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def close(self) -> None:
        """Write what waits, for as long as that takes a disk that works, and close the file."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_FINISH_S)
            if not self._writing.done():
                return  # a thread that a disk holds has the file
        await self._scope.close()
        self._file.close()

    async def _write_waiting(self) -> None:
        while self._waiting:
            events, self._waiting, self._bytes = self._waiting, [], 0
            lost, problem = await asyncio.to_thread(self._write, events)
            if lost:
                self._lose(lost, problem)
            elif self._lost:
                _log.warning("the audit log is written again; %d events were lost", self._lost)
                self._lost = 0

    def _write(self, events: list[AuditEvent]) -> tuple[int, str]:
        """Write events; return how many could not be, and why the last of them."""
        lost, problem = 0, ""
        for event in events:
            try:
                self._file.write(event.line())
            except Exception as error:  # one that cannot be written takes no other with it
                lost, problem = lost + 1, str(error)
        return lost, problem

    def _lose(self, count: int, problem: str) -> None:
        if not self._lost:
            _log.error("the audit log cannot be written, events are lost: %s", problem)
        self._lost += count
        self.lost += count
