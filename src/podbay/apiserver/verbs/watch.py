"""WATCH: changes as frames, from a resourceVersion on, each once and in order.

Takes a call; gives a stream of JSON frames. The cache offers changes; frames of equal selections and representations
are made once per change and shared by all watchers.
Invariant: an object whose match changes is ADDED or DELETED to this watcher; a watcher that does not read is cut off
when its buffer is full, and never delays the others.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes and #watch-bookmarks
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

from podbay.api.errors import Expired, NotAcceptable
from podbay.apiserver.options import check_resource_version, check_watch_options, integer
from podbay.apiserver.storage.cache import Event, ResourceCache
from podbay.apiserver.storage.entry import Entry
from podbay.apiserver.verbs.call import Call, represent
from podbay.apiserver.verbs.selection import Selection, selection
from podbay.lib.tasks import TaskScope
from podbay.store.interface import Revision
from podbay.wire import json
from podbay.wire.http import JSON, Response

_BUFFER: Final = 10_000  # frames that may wait for one watcher
_BUFFER_BYTES: Final = 32 * 1024 * 1024  # and how large they may be together
_BOOKMARK_S: Final = 60.0
_TIMEOUT_S: Final = 1800.0  # at least; twice as long at most, so that not all come back at once
_INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}


async def watch(call: Call) -> Response:
    """Answer with a stream of frames. Raises BadRequest, Invalid; a version too old is told in the first frame."""
    query = call.info.query
    check_watch_options(query)
    if call.representation.yaml:
        raise NotAcceptable("only the following media types are accepted: application/json;stream=watch")
    version = query.get("resourceVersion", "")
    check_resource_version(version)
    wanted = selection(call.resource, call.info)
    timeout_s = _timeout_s(integer(query, "timeoutSeconds"))
    watcher = Watcher(call, wanted, bookmarks=query.flag("allowWatchBookmarks"))
    initial = "sendInitialEvents" in query
    if initial and not query.flag("sendInitialEvents"):
        await call.objects.fresh(version)
        watcher.follow_from(Revision(int(version)) if version not in ("", "0") else call.objects.cache.revision)
    elif initial or version in ("", "0"):
        await call.objects.fresh("" if version in ("", "0") and version != "0" else version)
        watcher.begin_with_all(told=initial and query.flag("allowWatchBookmarks"))
        watcher.follow_from(call.objects.cache.revision)
    else:
        watcher.follow_from(Revision(int(version)))
    return Response(status=200, headers=[("Content-Type", JSON)], stream=watcher.frames(timeout_s))


class Watcher:
    """One watch: what is pending for it, and how it is written."""

    def __init__(self, call: Call, wanted: Selection, *, bookmarks: bool) -> None:
        self._call = call
        self._wanted = wanted
        self._bookmarks = bookmarks
        self._cache: ResourceCache = call.objects.cache.of(call.resource)
        self._pending: list[bytes] = []
        self._ready = asyncio.Event()
        self._ended = False
        self._ends = [call.objects.cache.on_end(self._end)]
        self._first_frame = True
        self._limit, self._limit_bytes = _BUFFER, _BUFFER_BYTES
        self._pending_bytes = 0
        self._after = Revision(0)

    def begin_with_all(self, *, told: bool) -> None:
        """Let every selected object be ADDED; then say, if asked for, that this was the beginning."""
        for entry in self._cache.between(self._cache.prefix, self._cache.prefix[:-1] + "0"):
            if self._wanted.matches(entry):
                self._pending.append(self._frame("ADDED", entry))  # past the limit: nobody could have read yet
        if told:
            self._pending.append(self._bookmark(_INITIAL_END))
        if self._pending:
            self._limit += len(self._pending)
            self._pending_bytes = sum(map(len, self._pending))
            self._limit_bytes += self._pending_bytes
            self._ready.set()

    def follow_from(self, revision: Revision) -> None:
        """Offer every change above a revision, which may be one to come. Too old is told in a frame and ends it."""
        if revision < self._cache.window_start:
            gone = Expired(f"too old resource version: {revision} ({self._cache.window_start})")
            self._push(b'{"type":"ERROR","object":%b}\n' % json.encode(gone.as_status()))
            self._end()
            return
        self._after = revision
        for event in self._cache.window:
            self.offer(event)
        self._ends.append(self._cache.watch(self._wanted.index, self.offer))

    def offer(self, event: Event) -> None:
        """Take one change of the cache."""
        if event.revision <= self._after:
            return
        before = event.previous is not None and self._wanted.matches(event.previous)
        after = event.current is not None and self._wanted.matches(event.current)
        if after:
            assert event.current is not None
            self._push(self._shared_frame(event, "MODIFIED" if before else "ADDED", event.current))
        elif before:
            assert event.previous is not None
            self._push(self._shared_frame(event, "DELETED", event.previous))

    async def frames(self, timeout_s: float) -> AsyncIterator[bytes]:
        """Yield what is pending, as one chunk each time; end after the timeout. Closing it ends the watch."""
        clock = self._call.clock
        async with TaskScope() as scope:
            try:
                over = scope.start(self._end_after(timeout_s), name="watch timeout")
                if self._bookmarks:
                    scope.start(self._tell_bookmarks(), name="watch bookmarks")
                while True:
                    if not self._ended:  # an end may come with the last frames: nothing wakes us after it
                        await self._ready.wait()
                    self._ready.clear()
                    if self._pending:
                        chunk, self._pending, self._pending_bytes = b"".join(self._pending), [], 0
                        with self._call.activity.working("watch frames"):
                            yield chunk
                    elif self._ended:
                        if over.done() and self._bookmarks and clock:
                            yield self._bookmark()
                        return
            finally:
                for end in self._ends:
                    end()

    async def _end_after(self, timeout_s: float) -> None:
        await self._call.clock.sleep(timeout_s)
        self._end()

    async def _tell_bookmarks(self) -> None:
        while True:
            await self._call.clock.sleep(_BOOKMARK_S)
            self._push(self._bookmark())

    def _push(self, frame: bytes) -> None:
        if self._ended:
            return
        if len(self._pending) >= self._limit or self._pending_bytes + len(frame) > self._limit_bytes:
            self._pending.clear()
            self._end()
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        self._ready.set()

    def _end(self) -> None:
        self._ended = True
        self._ready.set()
        for end in self._ends:  # a client that reads no more may hold the stream for long: nothing is kept for it
            end()

    def _shared_frame(self, event: Event, kind: str, entry: Entry) -> bytes:
        revision = event.revision if kind == "DELETED" else None
        if self._call.representation.kind:
            return self._frame(kind, entry, revision=revision)
        key = (kind, self._call.resource.api_version)
        frame = event.frames.get(key)
        if frame is None:
            frame = event.frames[key] = self._frame(kind, entry, revision=revision)
        return frame

    def _frame(self, kind: str, entry: Entry, *, revision: Revision | None = None) -> bytes:
        data = entry.data_as(self._call.resource)
        if revision is not None:
            old = b'"resourceVersion":"%d"' % entry.revision
            data = data.replace(old, b'"resourceVersion":"%d"' % revision, 1)
        if self._call.representation.kind:
            obj = json.decode(data)
            table: dict[str, Any] = represent(self._call, [obj], obj["metadata"], single=True)
            if not self._first_frame:
                table.pop("columnDefinitions", None)
            self._first_frame = False
            data = json.encode(table)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), data)

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        metadata: dict[str, Any] = {
            "resourceVersion": str(self._call.objects.cache.revision),
            "creationTimestamp": None,
        }
        if annotations:
            metadata["annotations"] = annotations
        resource = self._call.resource
        obj: dict[str, Any] = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if self._call.representation.kind == "Table":
            obj = represent(self._call, [], metadata, single=False)
        elif self._call.representation.kind:
            obj = represent(self._call, [obj], metadata, single=True)
        return b'{"type":"BOOKMARK","object":%b}\n' % json.encode(obj)


def _timeout_s(asked: int | None) -> float:
    return float(asked) if asked else _TIMEOUT_S * (1 + random.random())
