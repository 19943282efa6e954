"""An informer: a local copy of what a list selects, with handlers that are told of every difference.

Takes what a reflector tells; gives the objects by key, and (old, new) to each handler, in order.
Invariant: after ``synced`` the copy is what the server had at ``revision``. An object that was deleted and made again
under its name is told as two changes, also when a new list shows only the second.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from podbay.api.resources import Resource
from podbay.client.reflector import Reflector
from podbay.client.requests import Query
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

Handler = Callable[[Object | None, Object | None], None]


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
        self.resource = resource
        self.objects: dict[str, Object] = {}
        self.synced = asyncio.Event()
        self._handlers: list[Handler] = []
        self._reflector = Reflector(rest, resource, self, clock, activity, namespace=namespace, query=query)

    @property
    def revision(self) -> str:
        """Return the resourceVersion up to which the copy is complete."""
        return self._reflector.revision

    def on_change(self, handler: Handler) -> None:
        """Call a handler with (old, new): None for what was not there, or is there no more."""
        self._handlers.append(handler)
        for obj in list(self.objects.values()):
            handler(None, obj)

    def get(self, key: str) -> Object | None:
        """Return the copy of an object; do not change it."""
        return self.objects.get(key)

    async def run(self) -> None:
        """Follow the server until cancelled; the copy stays as it is."""
        await self._reflector.run()

    def replace(self, objects: Sequence[Object]) -> None:
        """Take all objects that there are; tell what differs from the copy."""
        fresh = {key_of(obj): obj for obj in objects}
        for key in [key for key in self.objects if key not in fresh]:
            self._tell(self.objects.pop(key), None)
        for key, obj in fresh.items():
            old = self.objects.get(key)
            if old is None or old["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
                self._put(key, obj)
        self.synced.set()

    def apply(self, kind: str, obj: Object) -> None:
        """Take one change."""
        key = key_of(obj)
        if kind == "DELETED":
            self.objects.pop(key, None)
            self._tell(obj, None)  # its last state, which may be newer than the copy
        else:
            self._put(key, obj)

    def _put(self, key: str, obj: Object) -> None:
        old = self.objects.get(key)
        if old is not None and old["metadata"].get("uid") != obj["metadata"].get("uid"):
            del self.objects[key]
            self._tell(old, None)
            old = None
        self.objects[key] = obj
        self._tell(old, obj)

    def _tell(self, old: Object | None, new: Object | None) -> None:
        for handler in self._handlers:
            try:
                handler(old, new)
            except Exception:
                _log.exception("a handler of %s failed", self.resource.plural)
