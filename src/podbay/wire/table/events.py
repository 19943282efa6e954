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
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp")
    count = (event.get("series") or {}).get("count") or event.get("count") or 1
    source = event.get("source") or {}
    told = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or (event.get("reportingInstance") if not source.get("component") else "")
    kind = str(about.get("kind", "")).lower()
    return [
        since(last, now) if last else since(first, now),
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{about['name']}" if about.get("name") else kind,
        about.get("fieldPath", ""),
        f"{told}, {host}" if host else told,
        str(event.get("message", "")).strip(),
        since(first, now),
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
