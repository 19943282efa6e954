"""A reflector: keeps a sink equal to what a list selects, by one list and then watches.

Takes a Rest client and a selection; gives the sink every object once (``replace``) and then each change (``apply``).
Invariant: what the sink was told is what the server had at ``revision``. A watch that ends is resumed from there; a
revision that is gone leads to a new list. From the list's beginning to the watch's opening, and while frames are being
applied, there is work in hand, so no change can be on its way unseen.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

from podbay.api.errors import StatusError
from podbay.api.resources import Resource
from podbay.client.requests import Query
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

_BACKOFF: Final = Backoff(base_s=0.2, cap_s=15.0, jitter=0.2)


class Sink(Protocol):
    """Who is told. Calls come one after the other, never from two tasks."""

    def replace(self, objects: Sequence[Object]) -> None:
        """Take all objects that there are."""

    def apply(self, kind: str, obj: Object) -> None:
        """Take one change: ``ADDED``, ``MODIFIED`` or ``DELETED``."""


class Reflector:
    """See the module. ``run`` until cancelled; the sink stays as it is."""

    def __init__(
        self,
        rest: Rest,
        resource: Resource,
        sink: Sink,
        clock: Clock,
        activity: Activity,
        *,
        namespace: str = "",
        query: Query | None = None,
    ) -> None:
        self._rest = rest
        self._resource = resource
        self._sink = sink
        self._clock = clock
        self._activity = activity
        self._namespace = namespace
        self._query = dict(query or {})
        self._name = f"{rest.user_agent} {resource.group_resource}"
        self._progress = False
        self.revision = ""

    async def run(self) -> None:
        """List and watch for ever."""
        try:
            await self._run()
        finally:
            self._activity.left(self._name)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._progress = False
            began_s = self._clock.monotonic()
            try:
                await self._list_and_watch()
                # A server that ends every watch at once must not be asked without a pause.
                failures = 0 if self._progress or self._clock.monotonic() - began_s > 1 else failures + 1
            except (StatusError, TransportError, ValueError) as error:
                if isinstance(error, StatusError) and error.code == 410:
                    self.revision = ""
                failures = 1 if self._progress else failures + 1
                _log.log(logging.WARNING if failures == 2 else logging.INFO, "%s: %s", self._name, error)
            await self._clock.sleep(_BACKOFF.delay_s(failures - 1))  # the first failure is tried again at once

    async def _list_and_watch(self) -> None:
        async with AsyncExitStack() as stack:
            with self._activity.working(self._name):
                if not self.revision:
                    await self._list()
                query = {**self._query, "resourceVersion": self.revision, "allowWatchBookmarks": True}
                batches = await stack.enter_async_context(
                    self._rest.watch(self._resource, namespace=self._namespace, query=query)
                )
            await self._follow(batches)

    async def _list(self) -> None:
        page = await self._rest.list(self._resource, namespace=self._namespace, query=self._query)
        kind = {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
        self._sink.replace([{**kind, **obj} for obj in page["items"]])
        self._saw(page)

    async def _follow(self, batches: AsyncIterator[Sequence[Object]]) -> None:
        async for frames in batches:
            with self._activity.working(self._name):
                for frame in frames:
                    kind, obj = frame["type"], frame["object"]
                    if kind == "ERROR":
                        raise StatusError.of(obj)
                    if kind != "BOOKMARK":
                        self._sink.apply(kind, obj)
                    self._saw(obj)

    def _saw(self, obj: Object) -> None:
        self.revision = str(obj["metadata"]["resourceVersion"])
        self._progress = True
        if self.revision.isdigit():
            self._activity.saw(self._name, int(self.revision))
