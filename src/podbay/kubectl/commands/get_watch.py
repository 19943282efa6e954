"""``get -w``: objects first as they are, then every change, as rows or as documents.

Takes one target; gives lines until the server, the user or ``--request-timeout`` ends it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from podbay.api.errors import StatusError
from podbay.client.requests import path
from podbay.kubectl.commands.get import TABLE, selectors, shown, table_options
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Parsed
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.printers.table import TableOptions, headers, table_rows
from podbay.kubectl.selection import Selected
from podbay.kubectl.session import Object, Session
from podbay.wire import json
from podbay.wire.http import JSON

Show = Callable[[Mapping[str, Any]], str]


def watch(session: Session, flags: Parsed, targets: Sequence[tuple[Selected, str]]) -> int:
    """Show one target and its changes. Raises CommandError, StatusError."""
    if len(targets) != 1:
        raise CommandError("you may only watch a single resource or type of resource at a time")
    target, namespace = targets[0]
    as_table = flags["output"] in ("", "wide")
    query = selectors(flags)
    if target.name:
        session.get(target.resource, target.name, namespace)
        query["fieldSelector"] = f"metadata.name={target.name}"
    url, accept = path(target.resource, namespace=namespace), TABLE if as_table else JSON
    first = json.decode(session.send("GET", url, query, accept=accept))
    show = _rows(flags, target, first) if as_table else _documents(flags)
    with_event = flags["output-watch-events"]
    if not flags["watch-only"]:
        if as_table and first["rows"] and not with_event:
            sys.stdout.write(show(first))
        elif as_table:
            for row in first["rows"]:
                sys.stdout.write(show({**first, "rows": [row], "event": "ADDED"}))
        else:
            kind = {"apiVersion": target.resource.api_version, "kind": target.resource.kind}
            for item in first["items"]:
                sys.stdout.write(_event("ADDED", {**kind, **item}, show, with_event=with_event))
    sys.stdout.flush()
    since = {**query, "resourceVersion": first["metadata"]["resourceVersion"]}
    for frame in session.frames(url, since, accept=accept):
        if frame["type"] == "BOOKMARK":
            continue
        if frame["type"] == "ERROR":
            raise StatusError.of(frame["object"])
        if as_table:
            sys.stdout.write(show({**frame["object"], "event": frame["type"]}))
        else:
            sys.stdout.write(_event(frame["type"], frame["object"], show, with_event=with_event))
        sys.stdout.flush()
    return 0


def _documents(flags: Parsed) -> Show:
    from podbay.kubectl.printers.objects import printer

    return printer(flags["output"], show=shown(flags))


def _event(kind: str, obj: Object, show: Show, *, with_event: bool) -> str:
    return show({"type": kind, "object": obj}) if with_event else show(obj)


def _rows(flags: Parsed, target: Selected, first: Object) -> Show:
    """Return what prints Tables: the head once, with the first row that there is."""
    options: TableOptions = table_options(flags, target.resource, many=False)
    with_event = flags["output-watch-events"]
    state: dict[str, Any] = {"definitions": first.get("columnDefinitions") or [], "head": not flags["no-headers"]}

    def show(table: Mapping[str, Any]) -> str:
        state["definitions"] = table.get("columnDefinitions") or state["definitions"]
        rows = table_rows(table, options, state["definitions"])
        if with_event:
            rows = [[str(table.get("event", "ADDED")), *row] for row in rows]
        if state["head"]:
            head = headers(options, state["definitions"])
            rows.insert(0, ["EVENT", *head] if with_event else head)
            state["head"] = False
        return columns(rows)

    return show
