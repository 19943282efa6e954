"""Reads and compare-and-write of objects, over the cache and the store.

Takes a resource, namespace and name; gives entries, or upstream's errors. A write is answered when the cache has it, so
the writer's next read sees it.
Invariant: nothing but this module (and the cache beside it) touches the store; a write that lost a race raises Conflict
and changed nothing.
"""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from podbay.api.errors import AlreadyExists, Cause, Conflict, Expired, NotFound, ServiceUnavailable, Timeout
from podbay.api.resources import Resource
from podbay.apiserver.storage.cache import ROOT, Cache
from podbay.apiserver.storage.entry import Entry, encode_for_store
from podbay.apiserver.storage.gates import NamespaceGates, NamespaceTurns
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.store.errors import (
    Compacted,
    FutureRevision,
    KeyExists,
    KeyNotFound,
    RevisionMismatch,
    StoreUnavailable,
)
from podbay.store.interface import MUST_NOT_EXIST, Range, Revision, Store, prefix_end

_TIME_TO_LIVE_S: Final = {"events": 3600.0}
_MODIFIED: Final = "the object has been modified; please apply your changes to the latest version and try again"
_PATIENCE_S: Final = 3.0  # how long a read waits for a revision that is not there yet


class Objects:
    """See the module."""

    def __init__(self, store: Store, clock: Clock, activity: Activity) -> None:
        self._store = store
        self._clock = clock
        self.cache = Cache(store, activity)
        self.gates = NamespaceGates()
        self.turns = NamespaceTurns()

    def key(self, resource: Resource, namespace: str, name: str) -> str:
        """Return the key under which an object is stored."""
        stored = resource.storage
        place = f"{namespace}/" if stored.namespaced else ""
        return f"{ROOT}{stored.group or 'core'}/{stored.plural}/{place}{name}"

    async def fresh(self, at_least: str = "") -> Revision:
        """Wait until the cache has every acknowledged write, or a given resourceVersion; return its revision.

        Raises Timeout for a resourceVersion that is not there in time, ServiceUnavailable.
        """
        if at_least == "0":
            return self.cache.revision
        try:
            if not at_least:
                await self.cache.reached(await self._store.current_revision())
                return self.cache.revision
            wanted = Revision(int(at_least))
            if self.cache.revision < wanted:
                await self._wait_for(wanted)
        except StoreUnavailable as error:
            raise ServiceUnavailable(str(error)) from error
        return self.cache.revision

    async def get(self, resource: Resource, namespace: str, name: str, *, resource_version: str = "") -> Entry:
        """Return an object. Raises NotFound."""
        await self.fresh(resource_version)
        entry = self.cache.of(resource).entries.get(self.key(resource, namespace, name))
        if entry is None:
            raise NotFound.object(resource.group, resource.plural, name)
        return entry

    def in_namespace(self, resource: Resource, namespace: str) -> Iterator[Entry]:
        """Yield a namespace's objects as the cache has them now, by name."""
        start = self.key(resource, namespace, "")
        return self.cache.of(resource).between(start, prefix_end(start))

    async def range_at(self, resource: Resource, start: str, end: str, limit: int, revision: Revision) -> Range:
        """Return a page as of an old revision. Raises Expired, Timeout."""
        try:
            return await self._store.range(start, end, limit=limit, revision=revision)
        except Compacted:
            raise Expired("The resourceVersion for the provided list is too old.") from None
        except FutureRevision:
            raise too_large(revision, self.cache.revision) from None
        except StoreUnavailable as error:
            raise ServiceUnavailable(str(error)) from error

    async def create(self, resource: Resource, obj: Mapping[str, Any]) -> Entry:
        """Store a new object. Raises AlreadyExists."""
        metadata = obj["metadata"]
        key = self.key(resource, metadata.get("namespace", ""), metadata["name"])
        try:
            written = await self._store.put(
                key, encode_for_store(obj), expected=MUST_NOT_EXIST, ttl_s=_TIME_TO_LIVE_S.get(resource.plural)
            )
            await self.cache.reached(written.mod_revision)
        except KeyExists:
            error = AlreadyExists.object(resource.group, resource.plural, metadata["name"])
            there = self.cache.of(resource).entries.get(key)
            if there is not None and "deletionTimestamp" in there.object()["metadata"]:
                error = AlreadyExists(f"object is being deleted: {error.message}", details=error.details)
            raise error from None
        except StoreUnavailable as error:
            raise ServiceUnavailable(str(error)) from error
        return Entry(resource.storage, written)

    async def update(self, resource: Resource, old: Entry, obj: Mapping[str, Any]) -> Entry:
        """Replace an object that is unchanged since ``old``. Raises Conflict, NotFound.

        Writing what is there already is no write, except where the time to live begins anew.
        """
        ttl_s = _TIME_TO_LIVE_S.get(resource.plural)
        if not ttl_s and _without_version(obj) == _without_version(old.object()):  # in whichever order it is said
            return old
        try:
            written = await self._store.put(old.key, encode_for_store(obj), expected=old.revision, ttl_s=ttl_s)
            await self.cache.reached(written.mod_revision)
        except RevisionMismatch:
            raise conflict(resource, old.name) from None
        except KeyNotFound:
            raise NotFound.object(resource.group, resource.plural, old.name) from None
        except StoreUnavailable as error:
            raise ServiceUnavailable(str(error)) from error
        return Entry(resource.storage, written)

    async def delete(self, resource: Resource, old: Entry) -> Revision:
        """Remove an object that is unchanged since ``old``. Raises Conflict, NotFound."""
        try:
            _, revision = await self._store.delete(old.key, expected=old.revision)
            await self.cache.reached(revision)
        except RevisionMismatch:
            raise conflict(resource, old.name) from None
        except KeyNotFound:
            raise NotFound.object(resource.group, resource.plural, old.name) from None
        except StoreUnavailable as error:
            raise ServiceUnavailable(str(error)) from error
        return revision

    async def _wait_for(self, wanted: Revision) -> None:
        async with TaskScope() as scope:
            reached = scope.start(self.cache.reached(wanted), name="reached")
            late = scope.start(self._clock.sleep(_PATIENCE_S), name="patience")
            await asyncio.wait({reached, late}, return_when=asyncio.FIRST_COMPLETED)
            if not reached.done():
                raise too_large(wanted, self.cache.revision)
            reached.result()


def _without_version(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "resourceVersion"}
    return {**obj, "metadata": metadata}


def conflict(resource: Resource, name: str, why: str = _MODIFIED) -> Conflict:
    """Return upstream's error for an operation that lost a race."""
    details = {"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {})
    return Conflict(f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}', details=details)


def too_large(wanted: Revision, current: Revision) -> Timeout:
    """Return upstream's error for a resourceVersion that is not there yet."""
    return Timeout(
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        details={"retryAfterSeconds": 1},
        causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
    )
