"""Records events about objects: tells the API server what happened, without ever holding up the teller.

Takes what happened from a component; writes core/v1 Events in the background, in order. What the server refuses is
logged and dropped; while it is out of reach, writing is tried again for two minutes.
Invariant: telling an event never waits and never fails.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ and client-go's EventRecorder.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from podbay.api.errors import AlreadyExists, NotFound, StatusError
from podbay.api.resources import EVENTS
from podbay.client.event_correlation import Correlated, Correlator, Event
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

_WAITING: Final = 1000
_TRIES: Final = 12
_RETRY_S: Final = 10.0
_RENAMES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class EventRecorder:
    """See the module. ``run`` writes until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity, *, component: str, host: str = "") -> None:
        self._rest = rest
        self._clock = clock
        self._activity = activity
        self._source = {"component": component} | ({"host": host} if host else {})
        self._correlator = Correlator()
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_WAITING)
        self._last_ns = 0
        self._is_held = False
        self._is_waiting = False

    def event(self, obj: Mapping[str, Any], kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Tell what happened to an object. ``kind`` is ``Normal`` or ``Warning``."""
        about = reference(obj, field_path)
        now = format_time(self._clock.now())
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self._name(about["name"]), "namespace": about.get("namespace") or "default"},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            _log.warning("too many events are waiting, dropped: %s %s", reason, message)
            return
        if not self._is_waiting:
            self._hold()

    async def run(self) -> None:
        """Write events as they come. Cancelling drops what waits."""
        try:
            while True:
                if self._queue.empty():
                    self._let_go()
                event = await self._queue.get()
                correlated = self._correlator.correlate(event, self._clock.monotonic())
                if correlated is not None:
                    await self._write(correlated)
        finally:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._let_go()

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            self._activity.begin("events")

    def _let_go(self) -> None:
        if self._is_held:
            self._is_held = False
            self._activity.end("events")

    async def _write(self, correlated: Correlated) -> None:
        """Write one event, trying again while the server is out of reach."""
        for tried in range(_TRIES):
            try:
                await self._send(correlated, is_retry=tried > 0)
                return
            except StatusError as error:
                _log.info("event %s not written: %s", correlated.event["reason"], error)
                return
            except TransportError as error:
                _log.debug("event %s waits: %s", correlated.event["reason"], error)
            # Waiting for the clock is not work in hand, neither for this event nor for those behind it.
            self._is_waiting = True
            self._let_go()
            try:
                await self._clock.sleep(_RETRY_S)
            finally:
                self._is_waiting = False
                self._hold()
        _log.warning("event %s given up: %s", correlated.event["reason"], correlated.event["message"])

    async def _send(self, correlated: Correlated, *, is_retry: bool) -> None:
        event = correlated.event
        namespace = event["metadata"]["namespace"]
        if correlated.changes is not None:
            try:
                await self._rest.patch(EVENTS, event["metadata"]["name"], correlated.changes, namespace=namespace)
                return
            except NotFound:
                pass  # its hour is over: tell it anew, with its count
        for _ in range(_RENAMES):
            try:
                await self._rest.create(EVENTS, event, namespace=namespace)
                return
            except AlreadyExists:
                if is_retry:
                    return  # the first try had arrived, only its answer was lost
                # Another source told something about the same object at the same instant.
                event = self._correlator.renamed(event, self._name(event["involvedObject"]["name"]))

    def _name(self, subject: str) -> str:
        """Return a name by upstream's pattern: the object's, and the nanosecond in hexadecimal."""
        now_ns = (self._clock.now() - _EPOCH) // _MICROSECOND * 1000
        self._last_ns = max(now_ns, self._last_ns + 1)
        return f"{subject}.{self._last_ns:x}"


def reference(obj: Mapping[str, Any], field_path: str = "") -> dict[str, str]:
    """Return an ObjectReference to an object."""
    metadata = obj["metadata"]
    found = {
        "kind": obj.get("kind", ""),
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": obj.get("apiVersion", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "fieldPath": field_path,
    }
    return {key: value for key, value in found.items() if value}
