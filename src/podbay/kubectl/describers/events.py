"""The events at the end of a description.

Takes events and a Description; writes them, oldest first.
"""

from collections.abc import Sequence
from typing import Any

from podbay.kubectl.describers.text import Description, Object


def write_events(out: Description, events: Sequence[Object]) -> None:
    """Write the events of an object."""
    if not events:
        out.write(0, "Events:\t<none>\n")
        return
    out.flush()
    out.write(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n")
    out.write(1, "----\t------\t----\t----\t-------\n")
    for event in sorted(events, key=_last):
        first = out.since(event.get("eventTime") or event.get("firstTimestamp"))
        series: Any = event.get("series")
        if series:
            when = f"{out.since(series.get('lastObservedTime'))} (x{series.get('count', 0)} over {first})"
        elif (event.get("count") or 0) > 1:
            when = f"{out.since(event.get('lastTimestamp'))} (x{event['count']} over {first})"
        else:
            when = first
        source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
        message = (event.get("message") or "").strip()
        out.write(1, f"{event.get('type', '')}\t{event.get('reason', '')}\t{when}\t{source}\t{message}\n")


def _last(event: Object) -> str:
    series = event.get("series") or {}
    found = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or ""
    return str(found)
