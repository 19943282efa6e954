"""The watch cache: every object of the store, followed by one store watch, with one revision for all.

Takes changes from the store; gives entries and pages to reads, and each change to the watchers it concerns.
Invariant: ``revision`` is the newest change that is in the cache; watchers were offered exactly the changes up to it.
Watchers are indexed: one that selects a name, a namespace or a node is never offered other objects' changes.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import bisect
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.api.resources import RESOURCES, Resource
from podbay.apiserver.storage.entry import Entry
from podbay.lib.activity import Activity
from podbay.lib.tasks import TaskScope
from podbay.store.errors import Compacted, StoreError, StoreUnavailable, WatcherTooSlow
from podbay.store.interface import Change, Revision, Store, prefix_end

_log = logging.getLogger(__name__)

ROOT: Final = "/registry/"
_WINDOW: Final = 4096  # changes of one resource that a watch can resume over


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object: None for what is not there before or after."""

    revision: Revision
    current: Entry | None
    previous: Entry | None
    frames: dict[tuple[str, str], bytes] = field(default_factory=dict)  # made once, shared by all watchers

    @property
    def subject(self) -> Entry:
        """Return the entry that names the object."""
        entry = self.current or self.previous
        assert entry is not None
        return entry


Offer = Callable[[Event], None]


class ResourceCache:
    """The objects of one resource, in the order of their keys."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.prefix = f"{ROOT}{resource.group or 'core'}/{resource.plural}/"
        self.entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self.window: deque[Event] = deque(maxlen=_WINDOW)
        self.window_start = Revision(0)  # changes above this revision are in the window
        self._watchers: dict[tuple[str, ...], set[Offer]] = {}

    def apply(self, change: Change) -> Event:
        """Take one change and return it with the entries it concerns."""
        previous = self.entries.get(change.key)
        if previous is None and change.previous is not None:
            previous = Entry(self.resource, change.previous)
        if change.current is None:
            current = None
            if self.entries.pop(change.key, None) is not None:
                del self._keys[bisect.bisect_left(self._keys, change.key)]
        else:
            current = Entry(self.resource, change.current)
            if change.key not in self.entries:
                bisect.insort(self._keys, change.key)
            self.entries[change.key] = current
        event = Event(change.revision, current, previous)
        if len(self.window) == _WINDOW:
            self.window_start = self.window[0].revision
        self.window.append(event)
        return event

    def fill(self, entries: Sequence[Entry], revision: Revision) -> None:
        """Begin with the objects as of a revision."""
        self.entries = {entry.key: entry for entry in entries}
        self._keys = sorted(self.entries)
        self.window_start = revision

    def between(self, start: str, end: str) -> Iterator[Entry]:
        """Yield the entries with a key in ``[start, end)`` in order."""
        low, high = bisect.bisect_left(self._keys, start), bisect.bisect_left(self._keys, end)
        for key in self._keys[low:high]:
            yield self.entries[key]

    def watch(self, index: tuple[str, ...], offer: Offer) -> Callable[[], None]:
        """Call ``offer`` for every later change under an index key; return what ends that."""
        self._watchers.setdefault(index, set()).add(offer)

        def end() -> None:
            offers = self._watchers.get(index)
            if offers is not None:
                offers.discard(offer)
                if not offers:
                    del self._watchers[index]

        return end

    def offer(self, event: Event) -> None:
        """Give a change to the watchers it concerns."""
        subject = event.subject
        keys = {(), ("namespace", subject.namespace), ("name", subject.namespace, subject.name)}
        keys |= {("name", "", subject.name)}
        for entry in (event.current, event.previous):
            node = entry.fields(self.resource).get("spec.nodeName") if entry is not None else None
            if node:
                keys.add(("node", node))
        for key in keys:
            for offer in list(self._watchers.get(key, ())):
                offer(event)

    @property
    def watcher_count(self) -> int:
        """Return how many watches there are."""
        return sum(len(offers) for offers in self._watchers.values())


class Cache:
    """See the module. ``start`` fills it; ``reached`` waits for a revision."""

    def __init__(self, store: Store, activity: Activity) -> None:
        self._store = store
        self._activity = activity
        self.revision = Revision(0)
        self._of_resource = {r: ResourceCache(r) for r in RESOURCES if r.stored_as is None}
        self._by_prefix = {cache.prefix: cache for cache in self._of_resource.values()}
        self._waiting: list[tuple[Revision, asyncio.Future[None]]] = []
        self._scope = TaskScope()
        self.failed: StoreError | None = None
        self._ended: list[Callable[[], None]] = []

    def of(self, resource: Resource) -> ResourceCache:
        """Return one resource's part."""
        return self._of_resource[resource.storage]

    async def start(self) -> None:
        """Read everything and follow from there. Watches can resume over what the store still remembers."""
        current = await self._store.current_revision()
        oldest = max(await self._store.compacted_revision(), Revision(max(1, current - _WINDOW)))
        try:
            self._fill(oldest, (await self._store.range(ROOT, prefix_end(ROOT), revision=oldest)).items)
        except Compacted:
            oldest = await self._store.current_revision()
            self._fill(oldest, (await self._store.range(ROOT, prefix_end(ROOT), revision=oldest)).items)
        self._scope.start(self._follow(oldest), name="watch cache")
        await self.reached(current)

    async def close(self) -> None:
        """Stop following; every watch ends."""
        await self._scope.close()
        self._lose(StoreUnavailable("the server is ending"))

    def end_watches(self) -> None:
        """End every watch; the cache goes on."""
        for end in list(self._ended):
            end()

    def on_end(self, end: Callable[[], None]) -> Callable[[], None]:
        """Call ``end`` when the cache stops; return what forgets it."""
        self._ended.append(end)
        return lambda: self._ended.remove(end) if end in self._ended else None

    async def reached(self, revision: Revision) -> None:
        """Wait until the cache has a revision. Raises StoreUnavailable if it lost the store."""
        if self.failed is not None:
            raise StoreUnavailable(str(self.failed))
        if self.revision >= revision:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((revision, future))
        await future

    def _fill(self, revision: Revision, items: Sequence[Any]) -> None:
        found: dict[str, list[Entry]] = {prefix: [] for prefix in self._by_prefix}
        for item in items:
            cache = self._cache_of(item.key)
            if cache is not None:
                found[cache.prefix].append(Entry(cache.resource, item))
        for prefix, cache in self._by_prefix.items():
            cache.fill(found[prefix], revision)
        self.revision = revision

    def _cache_of(self, key: str) -> ResourceCache | None:
        end = key.find("/", key.find("/", len(ROOT)) + 1) + 1
        return self._by_prefix.get(key[:end])

    async def _follow(self, after: Revision) -> None:
        try:
            while True:
                watch = await self._store.watch(ROOT, prefix_end(ROOT), after=after)
                try:
                    async for batch in watch:
                        with self._activity.working("watch cache"):
                            for change in batch:
                                self._take(change)
                            self._wake()
                    return
                except WatcherTooSlow:
                    after = self.revision  # a burst that outran the buffer: the store remembers it
        except StoreError as error:
            self.failed = error
            self._lose(error)
            if not isinstance(error, StoreUnavailable):
                _log.error("the watch cache lost the store: %s", error)

    def _lose(self, error: StoreError) -> None:
        """Let nobody wait for what will not come."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(StoreUnavailable(str(error)))
        self._waiting.clear()
        self.end_watches()

    def _take(self, change: Change) -> None:
        self.revision = change.revision
        cache = self._cache_of(change.key)
        if cache is not None:
            cache.offer(cache.apply(change))

    def _wake(self) -> None:
        still = []
        for revision, future in self._waiting:
            if revision <= self.revision:
                if not future.done():
                    future.set_result(None)
            else:
                still.append((revision, future))
        self._waiting = still
