"""Rules of events, lenient for core/v1 and strict for events.k8s.io/v1.

Takes an event in either spelling; gives causes, whose paths are core's as upstream's are. Invariant: an event lies in
the namespace of what it tells of.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, invalid, required
from podbay.api.validation.metadata import (
    IMMUTABLE,
    validate_core_finalizers,
    validate_metadata,
    validate_metadata_update,
)

_FROM_V1: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingComponent": "reportingController",  # core's own JSON name; upstream's paths say the other
}
_FIXED: Final = (
    "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type", "eventTime",
    "action", "related", "reportingController", "reportingInstance",
)  # fmt: skip
_MOST_CHARACTERS: Final = 128
_MOST_MESSAGE: Final = 1024


def validate_event(event: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with an event sent to core/v1."""
    causes = _legacy(_internal(event))
    return causes or validate_metadata(event, names.path_segment_problems, namespaced=True)


def validate_event_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of an event by core/v1."""
    return validate_metadata_update(new, old) + _legacy(_internal(new))


def validate_event_v1(event: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with an event sent to events.k8s.io/v1."""
    internal = _internal(event)
    causes = _legacy(internal)
    causes += validate_metadata(event, names.dns1123_subdomain_problems, namespaced=True)
    causes += validate_core_finalizers(event)
    causes += _series(internal)
    if not internal.get("eventTime"):
        causes.append(required("eventTime"))
    kind = internal.get("type") or ""
    if kind not in ("Normal", "Warning"):
        causes.append(invalid("type", "", f"has invalid value: {kind}"))
    for field in ("firstTimestamp", "lastTimestamp", "count"):
        if internal.get(field):
            causes.append(invalid(field, "", "needs to be unset"))
    source = internal.get("source") or {}
    if source.get("component") or source.get("host"):
        causes.append(invalid("source", "", "needs to be unset"))
    return causes


def validate_event_v1_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of an event by events.k8s.io/v1."""
    now, before = _internal(new), _internal(old)
    causes = _legacy(now) + validate_metadata_update(new, old)
    if now.get("series") != before.get("series"):
        causes += _series(now)
    for field in _FIXED:
        if (now.get(field) or None) != (before.get(field) or None):
            causes.append(invalid(field, now.get(field), IMMUTABLE))
    return causes


def _internal(event: Mapping[str, Any]) -> dict[str, Any]:
    return {_FROM_V1.get(name, name): value for name, value in event.items()}


def _series(event: Mapping[str, Any]) -> list[Cause]:
    series = event.get("series")
    if series is None:
        return []
    causes = [invalid("series.count", "", "should be at least 2")] if (series.get("count") or 0) < 2 else []
    return causes if series.get("lastObservedTime") else [*causes, required("series.lastObservedTime")]


def _legacy(event: Mapping[str, Any]) -> list[Cause]:
    namespace = (event.get("metadata") or {}).get("namespace") or ""
    about = (event.get("involvedObject") or {}).get("namespace") or ""
    is_new = bool(event.get("eventTime"))
    if about:
        agree = is_new or namespace == about
    else:
        agree = namespace in (("default", "kube-system") if is_new else ("", "default"))
    causes = []
    if not agree:
        causes.append(invalid("involvedObject.namespace", about, "does not match event.namespace"))
    if is_new:
        causes += _new_style(event)
    return causes + each_invalid("namespace", namespace, names.dns1123_subdomain_problems(namespace))


def _new_style(event: Mapping[str, Any]) -> list[Cause]:
    controller = event.get("reportingController") or ""
    causes = [] if controller else [required("reportingController")]
    causes += each_invalid("reportingController", controller, names.qualified_name_problems(controller))
    for field in ("reportingInstance", "action", "reason"):
        text = event.get(field) or ""
        if not text:
            causes.append(required(field))
        if len(text.encode()) > _MOST_CHARACTERS:
            causes.append(invalid(field, "", f"can have at most {_MOST_CHARACTERS} characters"))
    if len((event.get("message") or "").encode()) > _MOST_MESSAGE:
        causes.append(invalid("message", "", f"can have at most {_MOST_MESSAGE} characters"))
    return causes
