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
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.printers.table import TableOptions, table_rows, table_text
from podbay.kubectl.selection import Selected, selected
from podbay.kubectl.session import Object, Session, server_error
from podbay.wire import json

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
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    if flags["raw"]:
        sys.stdout.buffer.write(session.send("GET", flags["raw"], accept="application/json, */*"))
        return 0
    targets = _targets(flags, session)
    if flags["watch"] or flags["watch-only"]:
        return _watch(session, flags, targets)
    if flags["output"] in ("", "wide"):
        return _tables(session, flags, targets)
    return _documents(session, flags, targets)


def _targets(flags: Parsed, session: Session) -> list[tuple[Selected, str]]:
    """Return what is wanted with its namespace. Raises CommandError."""
    if flags["filename"]:
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
    everywhere = flags["all-namespaces"]
    return [(target, "" if everywhere else session.namespace_for(target.resource)) for target in chosen]


def _query(flags: Parsed) -> dict[str, Any]:
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
        options = _options(flags, resource, many=many)
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


def _options(flags: Parsed, resource: Any, *, many: bool) -> TableOptions:
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
    query = {} if target.name else _query(flags)
    if flags["sort-by"]:
        query["includeObject"] = "Object"
    elif not target.name and flags["chunk-size"]:
        query["limit"] = flags["chunk-size"]
    url = path(target.resource, namespace=namespace, name=target.name)
    table: Object = json.decode(session.send("GET", url, query, accept=TABLE))
    while (table.get("metadata") or {}).get("continue"):
        page = json.decode(session.send("GET", url, {**query, "continue": table["metadata"]["continue"]}, accept=TABLE))
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

    show = printer(flags["output"])
    code = 0
    objects: list[Object] = []
    single = len(targets) == 1 and bool(targets[0][0].name)
    for target, namespace in targets:
        try:
            if target.name:
                objects.append(session.get(target.resource, target.name, namespace))
            else:
                objects += session.list(target.resource, namespace, {**_query(flags), "limit": flags["chunk-size"]})[
                    "items"
                ]
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


def _watch(session: Session, flags: Parsed, targets: Sequence[tuple[Selected, str]]) -> int:
    if len(targets) != 1:
        raise CommandError("you may only specify a single resource type")
    target, namespace = targets[0]
    as_table = flags["output"] in ("", "wide")
    query = _query(flags)
    if target.name:
        query["fieldSelector"] = f"metadata.name={target.name}"
    url = path(target.resource, namespace=namespace)
    accept = TABLE if as_table else "application/json"
    if target.name:
        session.get(target.resource, target.name, namespace)
    first = json.decode(session.send("GET", url, {**query, "limit": None}, accept=accept))
    options = _options(flags, target.resource, many=False)
    definitions = first.get("columnDefinitions") or []
    show = None
    if not as_table:
        from podbay.kubectl.printers.objects import printer

        show = printer(flags["output"])
    printed = False
    if not flags["watch-only"]:
        if show is None and first["rows"]:
            sys.stdout.write(table_text(first, options, definitions))
            printed = True
        elif show is not None:
            for item in first["items"]:
                sys.stdout.write(
                    show({"apiVersion": target.resource.api_version, "kind": target.resource.kind, **item})
                )
    sys.stdout.flush()
    since = {**query, "resourceVersion": first["metadata"]["resourceVersion"]}
    for frame in session.frames(url, since, accept=accept):
        if frame["type"] == "BOOKMARK":
            continue
        if frame["type"] == "ERROR":
            raise StatusError.of(frame["object"])
        if show is not None:
            sys.stdout.write(show(frame["object"]))
        else:
            definitions = frame["object"].get("columnDefinitions") or definitions
            if not printed and not flags["no-headers"]:
                sys.stdout.write(table_text(frame["object"], options, definitions))
            else:
                from podbay.kubectl.printers.columns import columns

                sys.stdout.write(columns(table_rows(frame["object"], options, definitions)))
            printed = True
        sys.stdout.flush()
    return 0


def _failed(error: StatusError) -> int:
    sys.stdout.flush()
    sys.stderr.write(server_error(error) + "\n")
    return 1
