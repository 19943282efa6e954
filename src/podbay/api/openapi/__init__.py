"""The OpenAPI documents: version 3 per group version with descriptions, version 2 as one document for older clients.

Pure. Takes the table of resources and the schema artefact; gives the bytes that ``/openapi`` serves and the hash that
its index names. kubectl finds in them which fields an ``explain`` shows, whether the server validates fields, and how
``apply`` merges.
Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from podbay.api import schema
from podbay.api.openapi import gnostic
from podbay.api.openapi.paths import DELETE_OPTIONS, PATCH, STATUS, paths_of
from podbay.api.openapi.version2 import document
from podbay.api.resources import RESOURCES, group_versions

__all__ = ["v2_document", "v2_protobuf", "v3_document", "v3_index"]

_INFO = {"title": "Kubernetes", "version": "v1.33.1"}


def v3_index() -> dict[str, str]:
    """Return the path of every group version's document (``api/v1``) with its content's hash."""
    return {path: _hashed(path)[0] for path in _groups()}


def v3_document(path: str) -> tuple[str, bytes] | None:
    """Return one group version's hash and its document as JSON, or None if there is none of that path."""
    return _hashed(path) if path in _groups() else None


@cache
def v2_document() -> bytes:
    """Return the version 2 document as JSON: every path and definition."""
    return _encode(_version2())


@cache
def v2_protobuf() -> bytes:
    """Return the version 2 document as protobuf: every definition, and the paths that clients look up."""
    return gnostic.encode(_version2())


def _version2() -> dict[str, Any]:
    paths = {
        path: operations
        for group, version in group_versions(RESOURCES)
        for path, operations in paths_of(group, version)
    }
    return document(_INFO, paths, schema.described())


def _groups() -> dict[str, tuple[str, str]]:
    return {f"apis/{g}/{v}" if g else f"api/{v}": (g, v) for g, v in group_versions(RESOURCES)}


@cache
def _hashed(path: str) -> tuple[str, bytes]:
    group, version = _groups()[path]
    known = schema.described()
    paths = dict(paths_of(group, version))
    wanted: set[str] = set()
    waiting = [PATCH, STATUS, DELETE_OPTIONS, schema.META + "WatchEvent"]
    waiting += _references(paths)  # a subresource's kind may be of another group
    waiting += [n for gvk, n in schema.kinds().items() if gvk[:2] == (group, version) and not n.startswith(schema.META)]
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(_references(known[name]))
    data = _encode(
        {
            "openapi": "3.0.0",
            "info": _INFO,
            "paths": paths,
            "components": {"schemas": {name: known[name] for name in sorted(wanted)}},
        }
    )
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


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
