"""The paths of a group version: every verb of every resource and subresource as an OpenAPI version 3 operation.

Pure. Takes the table of resources; gives path and operations. kubectl reads from a ``patch`` operation that the server
validates fields (its parameter ``fieldValidation``) and how it can patch (its content types).
Invariant: an operation is here exactly if its verb is in the table.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from collections.abc import Iterator
from typing import Any, Final

from podbay.api import schema
from podbay.api.resources import STREAMS, Resource, Subresource, of_group_version

PATCH: Final = schema.META + "Patch"
STATUS: Final = schema.META + "Status"
DELETE_OPTIONS: Final = schema.META + "DeleteOptions"
WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")

_PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_LIST_PARAMETERS: Final = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip
_DELETE_PARAMETERS: Final = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_CONNECT_PARAMETERS: Final = {
    "attach": ("container", "stderr", "stdin", "stdout", "tty"),
    "exec": ("command", "container", "stderr", "stdin", "stdout", "tty"),
    "portforward": ("ports",),
    "proxy": ("path",),
    "log": (
        "container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "previous", "sinceSeconds", "stream",
        "tailLines", "timestamps",
    ),
}  # fmt: skip
_BOOLEANS: Final = frozenset(
    {
        "watch", "allowWatchBookmarks", "sendInitialEvents", "orphanDependents", "stdin", "stdout", "stderr", "tty",
        "follow", "insecureSkipTLSVerifyBackend", "previous", "timestamps",
    }
)  # fmt: skip
_INTEGERS: Final = frozenset(
    {"limit", "timeoutSeconds", "gracePeriodSeconds", "limitBytes", "sinceSeconds", "tailLines", "ports"}
)
# A verb of the table: HTTP method, the first word of the operation's id, x-kubernetes-action.
_ITEM_VERBS: Final = (
    ("get", "get", "read", "get"),
    ("update", "put", "replace", "put"),
    ("create", "post", "create", "post"),
    ("delete", "delete", "delete", "delete"),
    ("patch", "patch", "patch", "patch"),
)


def item_path(resource: Resource) -> str:
    """Return the path of one object, with placeholders."""
    return _collection_path(resource) + "/{name}"


def paths_of(group: str, version: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every path of a group version with its operations."""
    for resource in of_group_version(group, version):
        listed = schema.kinds().get((group, version, f"{resource.kind}List"), _definition(resource))
        yield _collection_path(resource), _collection(resource, listed)
        if resource.namespaced and "list" in resource.verbs:
            everywhere = _operation(resource, f"list{_named(resource)}ForAllNamespaces", "list", listed)
            yield f"{_base(resource)}/{resource.plural}", {"get": everywhere}
        item = {
            method: _operation(
                resource,
                f"{word}{_named(resource, namespaced=resource.namespaced)}",
                action,
                STATUS if verb == "delete" else _definition(resource),
            )
            for verb, method, word, action in _ITEM_VERBS
            if verb in resource.verbs and verb != "create"
        }
        if item:
            yield item_path(resource), _with_parameters(item, resource, named=True)
        for sub in resource.subresources:
            yield f"{item_path(resource)}/{sub.name}", _with_parameters(_of_sub(resource, sub), resource, named=True)


def _collection(resource: Resource, listed: str) -> dict[str, Any]:
    name = _named(resource, namespaced=resource.namespaced)
    found: dict[str, Any] = {}
    if "list" in resource.verbs:
        found["get"] = _operation(resource, f"list{name}", "list", listed)
    if "create" in resource.verbs:
        found["post"] = _operation(resource, f"create{name}", "post", _definition(resource))
    if "deletecollection" in resource.verbs:
        collection = _named(resource, namespaced=resource.namespaced, before="Collection")
        found["delete"] = _operation(resource, f"delete{collection}", "deletecollection", STATUS)
    return _with_parameters(found, resource, named=False)


def _of_sub(resource: Resource, sub: Subresource) -> dict[str, Any]:
    is_stream = sub.name in STREAMS
    kind = (sub.group or resource.group, sub.version or resource.version, sub.kind or resource.kind)
    name = _named(resource, namespaced=resource.namespaced) + sub.name.title()
    found: dict[str, Any] = {}
    for verb, method, word, action in _ITEM_VERBS:
        if verb not in sub.verbs:
            continue
        if is_stream:
            name = _named(resource, namespaced=True, before=method.title()) + sub.name.title()
            word, action = "connect", "connect"
        text = is_stream or sub.name == "log"
        answer = "" if text else schema.kinds()[kind]
        operation = _operation(resource, f"{word}{name}", action, answer, kind=kind, query=_query(sub, action))
        found[method] = operation
    return found


def _query(sub: Subresource, action: str) -> tuple[str, ...]:
    return _CONNECT_PARAMETERS.get(sub.name) or _parameters(action)


def _parameters(action: str) -> tuple[str, ...]:
    if action in ("post", "put", "patch"):
        return WRITE_PARAMETERS
    if action == "deletecollection":
        return (*_LIST_PARAMETERS, *_DELETE_PARAMETERS)
    return {"list": _LIST_PARAMETERS, "delete": _DELETE_PARAMETERS}.get(action, ())


def _operation(
    resource: Resource,
    identifier: str,
    action: str,
    answer: str,
    *,
    kind: tuple[str, str, str] | None = None,
    query: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    group, version, name = kind or (resource.group, resource.version, resource.kind)
    content = {"application/json": _schema(answer)} if answer else {"text/plain": {"schema": {"type": "string"}}}
    codes = {"post": ("200", "201", "202"), "put": ("200", "201"), "patch": ("200", "201"), "delete": ("200", "202")}
    words = {"200": "OK", "201": "Created", "202": "Accepted"}
    operation: dict[str, Any] = {
        "tags": [f"{_group_word(resource.group).lower()}_{resource.version}"],
        "operationId": identifier,
        "parameters": [_parameter(name) for name in (_parameters(action) if query is None else query)],
        "responses": {code: {"description": words[code], "content": content} for code in codes.get(action, ("200",))},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "kind": name, "version": version},
    }
    if action == "patch":
        operation["requestBody"] = {"content": {kind: _schema(PATCH) for kind in _PATCH_TYPES}, "required": True}
    elif action in ("post", "put"):
        operation["requestBody"] = {"content": {"*/*": _schema(answer)}, "required": True}
    elif action in ("delete", "deletecollection"):
        operation["requestBody"] = {"content": {"*/*": _schema(DELETE_OPTIONS)}}
    return operation


def _schema(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _parameter(name: str) -> dict[str, Any]:
    kind = "boolean" if name in _BOOLEANS else "integer" if name in _INTEGERS else "string"
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}


def _with_parameters(operations: dict[str, Any], resource: Resource, *, named: bool) -> dict[str, Any]:
    names = (["name"] if named else []) + (["namespace"] if resource.namespaced else [])
    if names:
        operations["parameters"] = [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}
            for n in names
        ]
    return operations


def _base(resource: Resource) -> str:
    return f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"


def _collection_path(resource: Resource) -> str:
    middle = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{_base(resource)}{middle}/{resource.plural}"


def _definition(resource: Resource) -> str:
    return schema.kinds()[(resource.group, resource.version, resource.kind)]


def _group_word(group: str) -> str:
    return group.partition(".")[0].title() if group else "Core"


def _named(resource: Resource, *, namespaced: bool = False, before: str = "") -> str:
    """Return the operation id's part for a resource: ``CoreV1NamespacedPod``."""
    return (
        f"{_group_word(resource.group)}{resource.version.title()}{before}"
        f"{'Namespaced' if namespaced else ''}{resource.kind}"
    )
