"""``events``: what has happened, oldest first; with ``-w`` also what happens next.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_events/
"""

import sys
from datetime import UTC, datetime
from typing import Any, Final

from podbay.api.resources import EVENTS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.session import Object, Session, find_resource
from podbay.wire.table.columns import human_duration
from podbay.wire.times import parse_time

FLAGS: Final = (
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="chunk-size", kind="int", default=500),
    Flag(name="for", default=""),
    Flag(name="no-headers", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
    Flag(name="types", kind="list"),
    Flag(name="watch", short="w", kind="bool", default=False),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise CommandError(f"unknown command {flags.words[0]!r}")
    if any(kind.lower() not in ("normal", "warning") for kind in flags["types"]):
        raise CommandError("valid --types are Normal or Warning")
    session = Session(flags)
    namespace = "" if flags["all-namespaces"] else session.namespace
    query: dict[str, Any] = {"limit": flags["chunk-size"], "fieldSelector": _selector(flags)}
    found = session.list(EVENTS, namespace, query)
    events = sorted(filter(lambda event: _wanted(flags, event), found["items"]), key=_last)
    shown = 0
    if flags["output"] or events:
        _show(flags, events, head=not flags["no-headers"])
        shown = len(events)
    if flags["watch"]:
        since = {**query, "limit": None, "resourceVersion": found["metadata"]["resourceVersion"]}
        for frame in session.frames(path(EVENTS, namespace=namespace), since):
            if frame["type"] in ("ADDED", "MODIFIED") and _wanted(flags, frame["object"]):
                _show(flags, [frame["object"]], head=not shown and not flags["no-headers"])
                shown += 1
        return 0
    if not events and not flags["output"]:
        where = "." if flags["all-namespaces"] else f" in {namespace} namespace."
        sys.stderr.write(f"No events found{where}\n")
    return 0


def _selector(flags: Parsed) -> str | None:
    if not flags["for"]:
        return None
    kind, slash, name = flags["for"].partition("/")
    if not slash:
        raise CommandError("--for must be in resource/name form")
    resource = find_resource(kind)
    return (
        f"involvedObject.kind={resource.kind},involvedObject.apiVersion={resource.api_version},"
        f"involvedObject.name={name}"
    )


def _wanted(flags: Parsed, event: Object) -> bool:
    kinds = {kind.lower() for kind in flags["types"]}
    return not kinds or str(event.get("type", "")).lower() in kinds


def _last(event: Object) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((time for time in times if time), ""))


def _show(flags: Parsed, events: list[Object], *, head: bool) -> None:
    if flags["output"]:
        from podbay.kubectl.printers.objects import printer

        everything = {"apiVersion": "v1", "items": events, "kind": "List", "metadata": {"resourceVersion": ""}}
        sys.stdout.write(printer(flags["output"])(everything))
        return
    rows = [["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]] if head else []
    for event in events:
        involved = event.get("involvedObject") or {}
        what = f"{involved.get('kind', '')}/{involved.get('name', '')}"
        message = str(event.get("message", "")).strip()
        rows.append([_interval(event), event.get("type", ""), event.get("reason", ""), what, message])
    if flags["all-namespaces"]:
        names = (["NAMESPACE"] if head else []) + [event["metadata"]["namespace"] for event in events]
        rows = [[name, *row] for name, row in zip(names, rows, strict=True)]
    sys.stdout.write(columns(rows))
    sys.stdout.flush()


def _interval(event: Object) -> str:
    series = event.get("series") or {}
    count = series.get("count") or event.get("count") or 0
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = _last(event)
    if count > 1:
        return f"{_since(last)} (x{count} over {_since(first)})"
    return _since(last or first)


def _since(time: str | None) -> str:
    return human_duration((datetime.now(UTC) - parse_time(time)).total_seconds()) if time else "<unknown>"
