"""Which events are one story: counts equal ones, combines similar ones, and holds back storms.

Pure but for its memory. Takes events in the order in which they were told; gives what to write: a new event, a change
of an earlier one, or nothing.
Invariant: of one source about one object at most 25 are written in a burst, then one more every five minutes.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ and client-go's EventCorrelator.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

_REMEMBERED: Final = 4096
_SIMILAR: Final = 10  # from so many different messages on, events of one reason are combined ...
_SIMILAR_S: Final = 600.0  # ... if no two of them were further apart
_BURST: Final = 25
_REFILL_S: Final = 300.0
_COMBINED: Final = "(combined from similar events): "

Event = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Correlated:
    """What to write: ``event`` is new, unless ``changes`` says what to patch in the earlier event of its name."""

    event: Event
    changes: dict[str, Any] | None = None


@dataclass(slots=True)
class _Similar:
    messages: set[str] = field(default_factory=set)
    last_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    first: str
    count: int


class Correlator:
    """See the module. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._similar: _Recent[tuple[str, ...], _Similar] = _Recent()
        self._known: _Recent[tuple[str, ...], _Known] = _Recent()
        self._tokens: _Recent[tuple[str, ...], tuple[float, float]] = _Recent()

    def correlate(self, event: Event, moment_s: float) -> Correlated | None:
        """Return what to write of an event, or None if nothing."""
        event, key = self._combined(event, moment_s)
        known = self._known.get(key)
        changes = None
        if known is not None:
            count = known.count + 1
            metadata = {**event["metadata"], "name": known.name}
            event = {**event, "metadata": metadata, "firstTimestamp": known.first, "count": count}
            changes = {"count": count, "lastTimestamp": event["lastTimestamp"], "message": event["message"]}
        self._known.put(key, _Known(event["metadata"]["name"], event["firstTimestamp"], event["count"]))
        if not self._may_tell(_subject(event), moment_s):
            return None
        return Correlated(event, changes)

    def renamed(self, event: Event, name: str) -> Event:
        """Return an event under another name, by which later equal ones will find it."""
        for key in (_identity(event), _group(event)):
            known = self._known.get(key)
            if known is not None and known.name == event["metadata"]["name"]:
                self._known.put(key, _Known(name, known.first, known.count))
        return {**event, "metadata": {**event["metadata"], "name": name}}

    def _combined(self, event: Event, moment_s: float) -> tuple[Event, tuple[str, ...]]:
        """Return the event, or the one that stands for all similar ones; and the key of its story."""
        group = _group(event)
        similar = self._similar.get(group)
        if similar is None or moment_s - similar.last_s > _SIMILAR_S:
            similar = _Similar()
        similar.messages.add(event["message"])
        similar.last_s = moment_s
        self._similar.put(group, similar)
        if len(similar.messages) < _SIMILAR:
            return event, _identity(event)
        similar.messages.pop()
        return {**event, "message": _COMBINED + event["message"]}, group

    def _may_tell(self, subject: tuple[str, ...], moment_s: float) -> bool:
        """Take one of the subject's tokens, if there is one."""
        tokens, at_s = self._tokens.get(subject) or (float(_BURST), moment_s)
        tokens = min(float(_BURST), tokens + (moment_s - at_s) / _REFILL_S)
        allowed = tokens >= 1
        self._tokens.put(subject, (tokens - allowed, moment_s))
        return allowed


class _Recent(Generic[Key, Value]):
    """A memory of the keys used last."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > _REMEMBERED:
            self._values.popitem(last=False)


def _subject(event: Event) -> tuple[str, ...]:
    about, source = event["involvedObject"], event["source"]
    names = ("kind", "namespace", "name", "uid", "apiVersion")
    return (source.get("component", ""), source.get("host", ""), *(about.get(name, "") for name in names))


def _group(event: Event) -> tuple[str, ...]:
    return (*_subject(event), event["type"], event["reason"])


def _identity(event: Event) -> tuple[str, ...]:
    return (*_group(event), event["involvedObject"].get("fieldPath", ""), event["message"])
