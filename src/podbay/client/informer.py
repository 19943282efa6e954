"""An informer: a local copy of what a list selects, kept by one list and then a watch, with handlers told of changes.

Takes a Rest client and a selection; gives the objects by key, and (old, new) to each handler, in order.
Invariant: after ``synced`` the copy is what the server had at ``revision``; a watch that is cut is resumed from there,
and a revision that is gone leads to a new list whose differences are told like any change.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.resources import Resource
from podbay.client.requests import Query
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

Handler = Callable[[Object | None, Object | None], None]
_BACKOFF: Final = Backoff(base_s=0.2, cap_s=15.0, jitter=0.2)


def key_of(obj: Object) -> str:
    """Return ``namespace/name``, or the name of an object without namespace."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


class Informer:
    """See the module. ``run`` until cancelled."""

    def __init__(
        self,
        rest: Rest,
        resource: Resource,
        clock: Clock,
        activity: Activity,
        *,
        namespace: str = "",
        query: Query | None = None,
    ) -> None:
        self._rest = rest
        self.resource = resource
        self._clock = clock
        self._activity = activity
        self._namespace = namespace
        self._query = dict(query or {})
        self._handlers: list[Handler] = []
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self.revision = ""

    def on_change(self, handler: Handler) -> None:
        """Call a handler with (old, new): None for what was not there, or is there no more."""
        self._handlers.append(handler)

    def get(self, key: str) -> Object | None:
        """Return the copy of an object; do not change it."""
        return self.objects.get(key)

    async def run(self) -> None:
        """List and watch for ever. Cancelling ends it; the copy stays as it is."""
        failures = 0
        while True:
            try:
                if not self.revision:
                    with self._activity.working(f"list {self.resource.plural}"):
                        await self._list()
                await self._watch()
                failures = 0
            except (StatusError, TransportError, ValueError) as error:
                if isinstance(error, StatusError) and error.code == 410:
                    self.revision = ""
                    continue
                failures += 1
                level = logging.WARNING if failures == 1 else logging.DEBUG
                _log.log(level, "%s: %s", self.resource.plural, error)
                await self._clock.sleep(_BACKOFF.delay_s(failures))

    async def _list(self) -> None:
        page = await self._rest.list(self.resource, namespace=self._namespace, query=self._query)
        kind = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        fresh = {key_of(obj): {**kind, **obj} for obj in page["items"]}
        for key in [key for key in self.objects if key not in fresh]:
            self._tell(self.objects.pop(key), None)
        for key, obj in fresh.items():
            old = self.objects.get(key)
            if old is not None and old["metadata"]["uid"] != obj["metadata"]["uid"]:
                self._tell(old, None)
                old = None
            self.objects[key] = obj
            if old is None or old["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
                self._tell(old, obj)
        self.revision = page["metadata"]["resourceVersion"]
        self.synced.set()

    async def _watch(self) -> None:
        query = {**self._query, "resourceVersion": self.revision, "allowWatchBookmarks": True}
        async with self._rest.watch(self.resource, namespace=self._namespace, query=query) as batches:
            async for frames in batches:
                with self._activity.working(f"watch {self.resource.plural}"):
                    for frame in frames:
                        self._take(frame["type"], frame["object"])

    def _take(self, kind: str, obj: dict[str, Any]) -> None:
        if kind == "ERROR":
            raise StatusError.of(obj)
        if kind != "BOOKMARK":
            key = key_of(obj)
            old = self.objects.get(key)
            if kind == "DELETED":
                self.objects.pop(key, None)
                self._tell(obj if old is None else old, None)
            else:
                if old is not None and old["metadata"]["uid"] != obj["metadata"]["uid"]:
                    self._tell(old, None)
                    old = None
                self.objects[key] = obj
                self._tell(old, obj)
        self.revision = obj["metadata"]["resourceVersion"]

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception:
                _log.exception("a handler of %s failed", self.resource.plural)
