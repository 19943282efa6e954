"""``get``: objects as tables or documents, once or as they change.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_get/
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.printers.shown import Shown
from podbay.kubectl.printers.table import TableOptions, table_text
from podbay.kubectl.selection import Selected, selected
from podbay.kubectl.session import Object, Session, list_error, server_error
from podbay.wire import json
from podbay.wire.http import JSON

TABLE: Final = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)
FLAGS: Final = (
    Flag(name="output", short="o", default=""),
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="field-selector", default=""),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="watch", short="w", kind="bool", default=False),
    Flag(name="watch-only", kind="bool", default=False),
    Flag(name="no-headers", kind="bool", default=False),
    Flag(name="show-labels", kind="bool", default=False),
    Flag(name="label-columns", short="L", kind="list"),
    Flag(name="sort-by", default=""),
    Flag(name="ignore-not-found", kind="bool", default=False),
    Flag(name="show-kind", kind="bool", default=False),
    Flag(name="chunk-size", kind="int", default=500),
    Flag(name="raw", default=""),
    Flag(name="show-managed-fields", kind="bool", default=False),
    Flag(name="allow-missing-template-keys", kind="bool", default=True),
    Flag(name="server-print", kind="bool", default=True),
    Flag(name="output-watch-events", kind="bool", default=False),
    Flag(name="subresource", default=""),
    Flag(name="template", default=""),
    Flag(name="kustomize", short="k", default=""),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    watches = flags["watch"] or flags["watch-only"]
    if flags["output-watch-events"] and not watches:
        raise CommandError("--output-watch-events option can only be used with --watch or --watch-only")
    if flags["raw"]:
        return _raw(flags)
    session = Session(flags)
    flags.values["output"] = output_of(flags)
    if flags["show-labels"] and flags["output"] not in ("", "wide"):
        format_name = str(flags["output"]).partition("=")[0]
        raise CommandError(f"--show-labels option cannot be used with {format_name} printer")
    targets = _targets(flags, session)
    if watches:
        from podbay.kubectl.commands.get_watch import watch

        return watch(session, flags, targets)
    if flags["output"] in ("", "wide"):
        return _tables(session, flags, targets)
    return _documents(session, flags, targets)


def _raw(flags: Parsed) -> int:
    if flags.words or flags["filename"]:
        raise CommandError("arguments may not be passed when --raw is specified")
    if flags["watch"] or flags["watch-only"]:
        raise CommandError("--raw may not be specified with --watch or --watch-only")
    if not flags["raw"].startswith("/"):
        raise CommandError(f'--raw must be a valid URL path: parse "{flags["raw"]}": invalid URI for request')
    for chunk in Session(flags).stream(flags["raw"], accept="application/json, */*"):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    return 0


def _targets(flags: Parsed, session: Session) -> list[tuple[Selected, str]]:
    """Return what is wanted with its namespace. Raises CommandError."""
    if flags["kustomize"]:
        raise CommandError("podbay does not support kustomize: build the objects with it and give them to -f -")
    if flags["filename"]:
        if flags.words:
            raise CommandError(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
            )
        from podbay.kubectl.manifests import read_manifests

        found = []
        for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
            metadata = manifest.obj.get("metadata") or {}
            namespace = metadata.get("namespace") or session.namespace
            place = namespace if manifest.resource.namespaced else ""
            found.append((Selected(manifest.resource, metadata.get("name", "")), place))
        return found
    if not flags.words:
        raise CommandError(
            'You must specify the type of resource to get. Use "podbay api-resources" for a complete list of'
            ' supported resources.\n\nerror: Required resource not specified.\nUse "podbay explain <resource>" for a'
            " detailed description of that resource (e.g. podbay explain pods)."
            "\nSee 'podbay get -h' for help and examples"
        )
    chosen = selected(flags.words)
    named = any(target.name for target in chosen)
    if named and flags["all-namespaces"]:
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    if named and flags["selector"]:
        raise CommandError("name cannot be provided when a selector is specified")
    if flags["subresource"] and not all(target.name for target in chosen):
        raise CommandError("subresource cannot be used when bulk resources are specified")
    everywhere = flags["all-namespaces"]
    return [(target, "" if everywhere else session.namespace_for(target.resource)) for target in chosen]


def selectors(flags: Parsed) -> dict[str, Any]:
    """Return the query that selects by labels and fields."""
    return {
        "labelSelector": flags["selector"] or None,
        "fieldSelector": flags["field-selector"] or None,
    }


def _tables(session: Session, flags: Parsed, targets: Sequence[tuple[Selected, str]]) -> int:
    resources = {target.resource for target, _ in targets}
    many = len(resources) > 1 or flags["show-kind"]
    code, printed, found_any, groups = 0, False, False, _grouped(targets)
    for group in groups:
        resource = group[0][0].resource
        options = table_options(flags, resource, many=many)
        merged: Object | None = None
        for target, namespace in group:
            try:
                table = _table(session, flags, target, namespace)
            except StatusError as error:
                if isinstance(error, NotFound) and flags["ignore-not-found"]:
                    continue
                code = _failed(error)
                continue
            if merged is None:
                merged = table
            else:
                merged["rows"] += table["rows"]
        if merged is None or not merged["rows"]:
            continue
        found_any = True
        if printed and many:
            sys.stdout.write("\n")
        if flags["sort-by"]:
            _sort(merged, flags["sort-by"])
        sys.stdout.write(table_text(merged, options, merged["columnDefinitions"]))
        printed = True
    if not found_any and code == 0 and not flags["ignore-not-found"]:
        sys.stdout.flush()
        where = (
            "" if flags["all-namespaces"] or not any(ns for _, ns in targets) else f" in {session.namespace} namespace."
        )
        sys.stderr.write(f"No resources found{where}\n")
    return code


def _grouped(targets: Sequence[tuple[Selected, str]]) -> list[list[tuple[Selected, str]]]:
    groups: list[list[tuple[Selected, str]]] = []
    for target in targets:
        if groups and groups[-1][0][0].resource is target[0].resource:
            groups[-1].append(target)
        else:
            groups.append([target])
    return groups


def table_options(flags: Parsed, resource: Any, *, many: bool) -> TableOptions:
    """Return how a resource's tables are shown."""
    prefix = ""
    if many:
        prefix = f"{resource.singular}.{resource.group}" if resource.group else resource.singular
    return TableOptions(
        wide=flags["output"] == "wide",
        with_namespace=flags["all-namespaces"] and resource.namespaced,
        show_labels=flags["show-labels"],
        label_columns=flags["label-columns"],
        no_headers=flags["no-headers"],
        kind_prefix=prefix,
    )


def _table(session: Session, flags: Parsed, target: Selected, namespace: str) -> Object:
    query = {} if target.name else selectors(flags)
    if flags["sort-by"]:
        query["includeObject"] = "Object"
    elif not target.name and flags["chunk-size"]:
        query["limit"] = flags["chunk-size"]
    url = path(target.resource, namespace=namespace, name=target.name, subresource=flags["subresource"])
    try:
        table: Object = json.decode(session.send("GET", url, query, accept=TABLE if flags["server-print"] else JSON))
    except StatusError as error:
        raise error if target.name else list_error(error, target.resource, query) from None
    if "columnDefinitions" not in table:
        table = plain_table(table)
    while (table.get("metadata") or {}).get("continue"):
        following = {**query, "continue": table["metadata"]["continue"]}
        page = json.decode(session.send("GET", url, following, accept=TABLE if flags["server-print"] else JSON))
        page = page if "columnDefinitions" in page else plain_table(page)
        table = {**table, "metadata": page["metadata"], "rows": table["rows"] + page["rows"]}
    return table


def _sort(table: Object, expression: str) -> None:
    from podbay.kubectl.printers.jsonpath import relaxed, values

    def key(row: Mapping[str, Any]) -> tuple[int, Any]:
        found = values(relaxed(expression), row["object"])
        if not found:
            return (0, "")
        return (1, found[0]) if isinstance(found[0], (int, float)) else (2, _natural(str(found[0])))

    if table["rows"] and not any(values(relaxed(expression), row["object"]) for row in table["rows"]):
        raise CommandError(f'couldn\'t find any field with path "{relaxed(expression)}" in the list of objects')
    table["rows"].sort(key=key)


def _natural(text: str) -> Any:
    from podbay.api.quantity import Quantity

    try:
        return (0, Quantity.parse(text), text)
    except ValueError:
        return (1, text, text)


def _documents(session: Session, flags: Parsed, targets: Sequence[tuple[Selected, str]]) -> int:
    from podbay.kubectl.printers.objects import printer

    show = printer(flags["output"], show=shown(flags))
    code = 0
    objects: list[Object] = []
    single = len(targets) == 1 and bool(targets[0][0].name)
    for target, namespace in targets:
        try:
            if target.name:
                url = path(target.resource, namespace=namespace, name=target.name, subresource=flags["subresource"])
                objects.append(json.decode(session.send("GET", url)))
            else:
                query = {**selectors(flags), "limit": flags["chunk-size"] or None}
                objects += session.list(target.resource, namespace, query)["items"]
        except StatusError as error:
            if isinstance(error, NotFound) and flags["ignore-not-found"]:
                continue
            code = _failed(error)
    if flags["sort-by"]:
        rows: Object = {"rows": [{"object": obj} for obj in objects]}
        _sort(rows, flags["sort-by"])
        objects = [row["object"] for row in rows["rows"]]
    if single:
        for obj in objects:
            sys.stdout.write(show(obj))
        return code
    if code and not objects:
        return code
    everything = {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}
    sys.stdout.write(show(everything))
    return code


def plain_table(answer: Object) -> Object:
    """Return a Table of names and ages, for objects that the server did not print."""
    from datetime import UTC, datetime

    from podbay.wire.table.columns import human_duration
    from podbay.wire.times import parse_time

    items, now = answer.get("items", [answer]), datetime.now(UTC)
    ages = [human_duration((now - parse_time(item["metadata"]["creationTimestamp"])).total_seconds()) for item in items]
    return {
        "columnDefinitions": [{"name": "Name", "type": "string"}, {"name": "Age", "type": "string"}],
        "metadata": answer.get("metadata") or {},
        "rows": [
            {"cells": [item["metadata"]["name"], age], "object": item} for item, age in zip(items, ages, strict=True)
        ],
    }


def output_of(flags: Parsed) -> str:
    """Return the output format; ``--template`` alone means a Go template."""
    if flags["template"] and flags["output"] in ("", "go-template", "template"):
        return f"go-template={flags['template']}"
    return str(flags["output"])


def shown(flags: Parsed) -> Shown:
    """Return what the flags say about documents."""
    return Shown(
        managed_fields=flags["show-managed-fields"],
        allow_missing=flags["allow-missing-template-keys"],
        headers=not flags["no-headers"],
    )


def _failed(error: StatusError) -> int:
    sys.stdout.flush()
    sys.stderr.write(server_error(error) + "\n")
    return 1
