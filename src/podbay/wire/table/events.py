"""The table of events, in both of their versions. Pure. Source: upstream's printEvent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import Cells, column, since

COLUMNS: Final = (
    column("Last Seen"),
    column("Type"),
    column("Reason"),
    column("Object"),
    column("Subobject", wide=True),
    column("Source", wide=True),
    column("Message"),
    column("First Seen", wide=True),
    column("Count", wide=True),
    column("Name", format="name", wide=True),
)


def cells(event: Mapping[str, Any], now: datetime) -> Cells:
    """Return one core/v1 event's cells."""
    about = event.get("involvedObject") or {}
    first = since(event.get("firstTimestamp") or event.get("eventTime"), now)
    last = since(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    if series := event.get("series"):
        last, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance")
    kind = str(about.get("kind", "")).lower()
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        str(event.get("message", "")).strip(),
        first,
        count,
        event["metadata"]["name"],
    ]


def cells_v1(event: Mapping[str, Any], now: datetime) -> Cells:
    """Return one events.k8s.io/v1 event's cells."""
    old = {
        "regarding": "involvedObject",
        "note": "message",
        "reportingController": "reportingComponent",
        "deprecatedSource": "source",
        "deprecatedFirstTimestamp": "firstTimestamp",
        "deprecatedLastTimestamp": "lastTimestamp",
        "deprecatedCount": "count",
    }
    return cells({old.get(key, key): value for key, value in event.items()}, now)
