"""Records events about objects: one event per story, counted when it is told again.

Takes what happened from a component; writes core/v1 Events in the background. Telling an event never waits and never
fails the teller: what cannot be written is logged and dropped.
Invariant: equal events within ten minutes are one object whose count grows; a storm about one object is throttled.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ ; client-go's event correlator.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import EVENTS
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

_REMEMBERED: Final = 4096
_SIMILAR_S: Final = 600.0
_BURST: Final = 25
_REFILL_S: Final = 300.0  # one more event per object after that long
_WAITING: Final = 1000


class EventRecorder:
    """See the module. ``run`` writes until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity, *, component: str, host: str = "") -> None:
        self._rest = rest
        self._clock = clock
        self._activity = activity
        self._source = {"component": component} | ({"host": host} if host else {})
        self._known: OrderedDict[tuple[str, ...], tuple[str, str, int, float]] = OrderedDict()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING)

    def event(self, obj: Mapping[str, Any], kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Tell what happened to an object. ``kind`` is ``Normal`` or ``Warning``."""
        about = reference(obj, field_path)
        if not self._may_tell(about["uid"] or about["name"]):
            return
        now = format_time(self._clock.now())
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{about['name']}.{int(self._clock.now().timestamp() * 1e9):x}",
                "namespace": about.get("namespace") or "default",
            },
            "involvedObject": about,
            "reason": reason,
            "message": message[:1024],
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            _log.warning("too many events are waiting, dropped: %s %s", reason, message)
            return
        self._activity.begin("events")

    async def run(self) -> None:
        """Write events as they come. Cancelling drops what waits."""
        try:
            while True:
                event = await self._queue.get()
                try:
                    await self._write(event)
                except (StatusError, TransportError) as error:
                    _log.warning("event %s not written: %s", event["reason"], error)
                finally:
                    self._activity.end("events")
        finally:
            while not self._queue.empty():
                self._queue.get_nowait()
                self._activity.end("events")

    async def _write(self, event: dict[str, Any]) -> None:
        about = event["involvedObject"]
        key = (
            about["uid"],
            about["name"],
            about.get("fieldPath", ""),
            event["type"],
            event["reason"],
            event["message"],
        )
        known = self._known.pop(key, None)
        moment = self._clock.monotonic()
        namespace = event["metadata"]["namespace"]
        if known is not None and moment - known[3] < _SIMILAR_S:
            name, first, count, _ = known
            changes = {"count": count + 1, "lastTimestamp": event["lastTimestamp"], "firstTimestamp": first}
            try:
                await self._rest.patch(EVENTS, name, changes, namespace=namespace)
                self._remember(key, (name, first, count + 1, moment))
                return
            except NotFound:
                pass  # it has expired: tell it anew
        await self._rest.create(EVENTS, event, namespace=namespace)
        self._remember(key, (event["metadata"]["name"], event["firstTimestamp"], 1, moment))

    def _remember(self, key: tuple[str, ...], value: tuple[str, str, int, float]) -> None:
        self._known[key] = value
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _may_tell(self, subject: str) -> bool:
        """Take one of the subject's tokens, if there is one."""
        moment = self._clock.monotonic()
        tokens, at = self._tokens.pop(subject, (float(_BURST), moment))
        tokens = min(float(_BURST), tokens + (moment - at) / _REFILL_S)
        allowed = tokens >= 1
        self._tokens[subject] = (tokens - allowed, moment)
        if len(self._tokens) > _REMEMBERED:
            self._tokens.popitem(last=False)
        return allowed


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
    return {key: value for key, value in found.items() if value or key in ("uid",)}
