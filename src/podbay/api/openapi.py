"""The OpenAPI documents: version 3 per group version with descriptions, version 2 as the list of paths.

Pure. Takes the table of resources and the schema artefact; gives the bytes that ``/openapi`` serves and the hash that
its index names. kubectl finds in them which fields an ``explain`` shows, whether the server validates fields, and how
``apply`` merges.
Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from podbay.api import schema
from podbay.api.resources import Resource, group_versions, of_group_version

_JSON_PATCH: Final = "application/json-patch+json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
_PATCH: Final = schema.META + "Patch"
_STATUS: Final = schema.META + "Status"
_OPTIONS: Final = schema.META + "DeleteOptions"
_ACTIONS: Final = {"get": "get", "put": "put", "patch": "patch", "delete": "delete", "post": "post"}
_WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")
_LIST_PARAMETERS: Final = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
)  # fmt: skip


def v3_index() -> dict[str, str]:
    """Return the path of every group version's document (``api/v1``) with its content's hash."""
    return {path: _hashed(path)[0] for path in _paths_of_groups()}


def v3_document(path: str) -> bytes | None:
    """Return one group version's document as JSON, or None if there is none of that path."""
    return _hashed(path)[1] if path in _paths_of_groups() else None


@cache
def v2_document() -> bytes:
    """Return the version 2 document as JSON: every path and definition."""
    definitions = _v2(schema.structures())
    paths = {
        path: {
            method: {key: value for key, value in operation.items() if key not in ("requestBody", "responses")}
            | {"responses": {"200": {"description": "OK"}}}
            for method, operation in operations.items()
            if method != "parameters"
        }
        for group, version in group_versions()
        for path, operations in _paths(group, version)
    }
    document = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.33.1"},
        "paths": paths,
        "definitions": definitions,
    }
    return _encode(document)


@cache
def v2_protobuf() -> bytes:
    """Return the version 2 document as protobuf, with what kubectl looks for: each kind's patch operation."""
    paths = b""
    for group, version in group_versions():
        for resource in of_group_version(group, version):
            if "patch" in resource.verbs:
                paths += _message(2, _text(1, _item_path(resource)) + _message(2, _v2_patch(resource)))
    return _text(1, "2.0") + _message(2, _text(1, "Kubernetes") + _text(2, "v1.33.1")) + _message(8, paths)


def _paths_of_groups() -> dict[str, tuple[str, str]]:
    return {f"apis/{g}/{v}" if g else f"api/{v}": (g, v) for g, v in group_versions()}


@cache
def _hashed(path: str) -> tuple[str, bytes]:
    group, version = _paths_of_groups()[path]
    paths = dict(_paths(group, version))
    known = schema.described()
    wanted: set[str] = set()
    waiting = [_PATCH, _STATUS, _OPTIONS, schema.META + "WatchEvent"]
    waiting += [n for gvk, n in schema.kinds().items() if gvk[:2] == (group, version) and not n.startswith(schema.META)]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(_references(known[name]))
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.33.1"},
        "paths": paths,
        "components": {"schemas": {name: known[name] for name in sorted(wanted)}},
    }
    data = _encode(document)
    return hashlib.sha512(data).hexdigest().upper(), data


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _base(resource: Resource) -> str:
    return f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"


def _collection_path(resource: Resource) -> str:
    middle = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{_base(resource)}{middle}/{resource.plural}"


def _item_path(resource: Resource) -> str:
    return _collection_path(resource) + "/{name}"


def _paths(group: str, version: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in of_group_version(group, version):
        name = schema.kinds()[(group, version, resource.kind)]
        listed = schema.kinds().get((group, version, f"{resource.kind}List"), name)
        verbs = resource.verbs
        collection: dict[str, Any] = {}
        if "list" in verbs:
            collection["get"] = _operation(resource, "list", listed)
        if "create" in verbs:
            collection["post"] = _operation(resource, "post", name)
        if "deletecollection" in verbs:
            collection["delete"] = _operation(resource, "deletecollection", _STATUS)
        yield _collection_path(resource), _with_parameters(collection, resource, named=False)
        if resource.namespaced and "list" in verbs:
            everywhere = {"get": _operation(resource, "list", listed)}
            yield f"{_base(resource)}/{resource.plural}", everywhere
        item: dict[str, Any] = {}
        for verb, method in (("get", "get"), ("update", "put"), ("patch", "patch"), ("delete", "delete")):
            if verb in verbs:
                item[method] = _operation(resource, method, _STATUS if verb == "delete" else name)
        if item:
            yield _item_path(resource), _with_parameters(item, resource, named=True)


def _with_parameters(operations: dict[str, Any], resource: Resource, *, named: bool) -> dict[str, Any]:
    names = (["name"] if named else []) + (["namespace"] if resource.namespaced else [])
    if names:
        operations["parameters"] = [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}
            for n in names
        ]
    return operations


def _operation(resource: Resource, action: str, answer: str) -> dict[str, Any]:
    names: tuple[str, ...] = ()
    if action in ("post", "put", "patch"):
        names = _WRITE_PARAMETERS + (("force",) if action == "patch" else ())
    elif action in ("list", "deletecollection"):
        names = _LIST_PARAMETERS
    reference = {"schema": {"$ref": f"#/components/schemas/{answer}"}}
    operation: dict[str, Any] = {
        "operationId": f"{action}{resource.group.split('.')[0].title() or 'Core'}"
        f"{resource.version.title()}{'Namespaced' if resource.namespaced else ''}{resource.kind}",
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": _parameter_type(name), "uniqueItems": True}}
            for name in names
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": reference}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "kind": resource.kind,
            "version": resource.version,
        },
    }
    if action == "patch":
        body = {"schema": {"$ref": f"#/components/schemas/{_PATCH}"}}
        content = {kind: body for kind in (_JSON_PATCH, _MERGE_PATCH, _STRATEGIC_PATCH)}
        operation["requestBody"] = {"content": content, "required": True}
    elif action in ("post", "put"):
        operation["requestBody"] = {"content": {"*/*": reference}, "required": True}
    elif action in ("delete", "deletecollection"):
        body = {"schema": {"$ref": f"#/components/schemas/{_OPTIONS}"}}
        operation["requestBody"] = {"content": {"*/*": body}}
    return operation


def _parameter_type(name: str) -> str:
    if name in ("watch", "allowWatchBookmarks", "sendInitialEvents", "force"):
        return "boolean"
    return "integer" if name in ("limit", "timeoutSeconds") else "string"


def _v2(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {key: _v2(child) for key, child in value.items() if key not in ("allOf", "oneOf")}
        if isinstance(value.get("$ref"), str):
            found["$ref"] = value["$ref"].replace("#/components/schemas/", "#/definitions/")
        if value.get("allOf"):
            found["$ref"] = value["allOf"][0]["$ref"].replace("#/components/schemas/", "#/definitions/")
        if value.get("oneOf"):
            found["type"] = "string"
        return found
    if isinstance(value, list):
        return [_v2(child) for child in value]
    return value


def _v2_patch(resource: Resource) -> bytes:
    parameters = b"".join(
        _message(8, _message(1, _message(2, _message(3, _text(2, "query") + _text(4, name)))))
        for name in _WRITE_PARAMETERS
    )
    gvk = f"group: {resource.group or chr(34) * 2}\nkind: {resource.kind}\nversion: {resource.version}\n"
    extension = _text(1, "x-kubernetes-group-version-kind") + _message(2, _text(2, gvk))
    return _message(8, _text(5, f"patch{resource.kind}") + parameters + _message(13, extension))


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
