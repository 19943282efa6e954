"""Requests to a Kubernetes API, built and read in one place, without I/O.

Takes a resource, names and bodies; gives ``wire.http`` requests. Takes responses; gives objects, or raises the Status
that the server sent as an error.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from podbay.api.errors import StatusError
from podbay.api.resources import Resource
from podbay.wire import json
from podbay.wire.http import JSON, Headers, Request, Response

STRATEGIC: Final = "application/strategic-merge-patch+json"
MERGE: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"

Query = Mapping[str, str | int | bool | Sequence[str] | None]


def path(resource: Resource, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the path of a collection, an object or a subresource."""
    parts = ["apis", resource.group, resource.version] if resource.group else ["api", resource.version]
    if resource.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts.append(resource.plural)
    if name:
        parts.append(name)
    if subresource:
        parts.append(subresource)
    return "/" + "/".join(quote(part, safe="/" if part == subresource else "") for part in parts)


def request(
    method: str,
    target: str,
    query: Query | None = None,
    *,
    body: Any = None,
    content_type: str = JSON,
    accept: str = JSON,
    user_agent: str = "",
) -> Request:
    """Return a request. Query values that are None are left out; sequences are repeated."""
    pairs: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        if value is None:
            continue
        if isinstance(value, str):
            pairs.append((name, value))
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, int):
            pairs.append((name, str(value)))
        else:
            pairs.extend((name, item) for item in value)
    headers = [("Accept", accept)]
    if user_agent:
        headers.append(("User-Agent", user_agent))
    data = b""
    if body is not None:
        data = body if isinstance(body, bytes) else json.encode(body)
        headers.append(("Content-Type", content_type))
    full = f"{target}?{urlencode(pairs)}" if pairs else target
    return Request(method=method, target=full, headers=Headers(headers), body=data)


def body_of(response: Response) -> bytes:
    """Return a successful answer's body. Raises the StatusError that the server sent."""
    if response.status < 400:
        return response.body
    raise error_of(response.status, response.body)


def object_of(response: Response) -> dict[str, Any]:
    """Return a successful answer's object. Raises the StatusError that the server sent."""
    decoded: dict[str, Any] = json.decode(body_of(response))
    return decoded


def error_of(status: int, body: bytes) -> StatusError:
    """Return the error of an answer, also of one that is no Status."""
    try:
        decoded = json.decode(body)
    except ValueError:
        decoded = None
    if isinstance(decoded, dict) and decoded.get("kind") == "Status":
        return StatusError.of({"code": status, **decoded})
    text = body.decode("utf-8", "replace").strip()
    return StatusError.of({"code": status, "message": text or f"the server answered with status {status}"})
