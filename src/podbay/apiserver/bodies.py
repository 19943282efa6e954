"""Request bodies: bytes in JSON, YAML or protobuf become an object of the expected kind.

Takes a request and the resource it goes to; gives the object, cleaned to its schema, and warnings about what did not
fit. How strict it is, is the client's choice (``fieldValidation``).
Invariant: nothing unknown gets through; Strict refuses it, Warn tells it, Ignore drops it in silence.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

import contextlib
from typing import Any, Final

from podbay.api import schema
from podbay.api.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from podbay.api.resources import Resource, find_kind
from podbay.api.schema.conform import WrongType, conform
from podbay.wire import json, protobuf, yaml
from podbay.wire.http import Request

LIMIT_BYTES: Final = 3 * 1024 * 1024
_SUMMARY_BYTES: Final = 30
_UNKNOWN_FORMAT: Final = "the body of the request was in an unknown format - accepted media types include:"
_PATCHES: Final = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}


def media_type(request: Request) -> str:
    """Return the content type without parameters."""
    return request.headers.get("Content-Type").partition(";")[0].strip().lower()


def patch_type(request: Request) -> str:
    """Return how a body changes an object: ``json``, ``merge`` or ``strategic``. Raises UnsupportedMediaType."""
    kind = _PATCHES.get(media_type(request))
    if kind is None:
        raise UnsupportedMediaType(f"{_UNKNOWN_FORMAT} {', '.join(_PATCHES)}")
    return kind


def check_size(request: Request) -> None:
    """Refuse a body over the limit. Raises RequestEntityTooLarge."""
    if len(request.body) > LIMIT_BYTES:
        raise RequestEntityTooLarge(f"Request entity too large: limit is {LIMIT_BYTES}")


def decode(request: Request, kind: str, *, duplicates: bool) -> tuple[Any, list[str]]:
    """Return a body's value and what it says twice. Raises BadRequest, UnsupportedMediaType."""
    check_size(request)
    media = media_type(request)
    try:
        if media in ("application/json", ""):
            with contextlib.suppress(ValueError):  # the slower decoder knows better what is wrong
                if not duplicates:
                    return json.decode(request.body), []
            value, repeated = json.decode_with_duplicates(request.body)
            return value, [f'duplicate field "{path}"' for path in repeated]
        if media == "application/yaml":
            return yaml.load_with_duplicates(request.body)
        if media == protobuf.MEDIA_TYPE:
            return protobuf.decode(request.body), []
    except protobuf.UnknownMessage as error:
        raise UnsupportedMediaType(str(error)) from None
    except ValueError as error:
        why = f"couldn't get version/kind; json parse error: {error}" if media != "application/yaml" else error
        raise BadRequest(
            f"the object provided is unrecognized (must be of type {kind}): {why} ({_summary(request.body)})"
        ) from None
    raise UnsupportedMediaType(f"{_UNKNOWN_FORMAT} application/json, application/yaml, {protobuf.MEDIA_TYPE}")


def decode_object(request: Request, resource: Resource, level: str) -> tuple[dict[str, Any], list[str]]:
    """Return the object of a body and its warnings. Raises BadRequest in upstream's words."""
    kind, api_version = resource.kind, resource.api_version
    value, repeated = decode(request, kind, duplicates=level != "Ignore")
    given_version, given_kind = _type_of(value, kind, request.body)
    given_version, given_kind = given_version or api_version, given_kind or kind
    refused = f'{given_kind} in version "{given_version.rpartition("/")[2]}" cannot be handled as a {kind}: '
    if (given_version, given_kind) != (api_version, kind):
        if find_kind(given_version, given_kind) is None:
            why = f'no kind "{given_kind}" is registered for version "{given_version}" in scheme'
            raise BadRequest(refused + why)
        if given_kind != kind:
            internal = resource.storage.group.partition(".")[0] or "core"
            why = f"converting (v1.{given_kind}) to ({internal}.{kind}): unknown conversion"
            raise BadRequest(refused + why)
        raise BadRequest(
            f"the API version in the data ({given_version}) does not match the expected API version ({api_version})"
        )
    try:
        obj, unknown = shaped(value, api_version, kind)
    except WrongType as error:
        raise BadRequest(f"{refused}{error}") from None
    problems = repeated + unknown
    if problems and level == "Strict":
        raise BadRequest(f"{refused}strict decoding error: {', '.join(problems)}")
    return obj, problems if level == "Warn" else []


def shaped(value: dict[str, Any], api_version: str, kind: str) -> tuple[dict[str, Any], list[str]]:
    """Return a value in the shape of its kind, and what did not fit. Raises WrongType."""
    try:
        obj, unknown = conform(value, schema.definition(api_version, kind))
    except schema.UnknownKind:
        obj, unknown = dict(value), []
    obj["apiVersion"], obj["kind"] = api_version, kind
    obj.setdefault("metadata", {})
    return obj, [f'unknown field "{path}"' for path in unknown]


def decode_options(request: Request) -> dict[str, Any] | None:
    """Return the DeleteOptions of a body, or None if there is none. Raises BadRequest."""
    if not request.body:
        return None
    value, _ = decode(request, "DeleteOptions", duplicates=False)
    _, kind = _type_of(value, "DeleteOptions", request.body)
    if kind not in ("", "DeleteOptions"):
        raise BadRequest(f'no kind "{kind}" is registered for deletions: a body must be DeleteOptions')
    try:
        return conform(value, schema.definition("v1", "DeleteOptions"))[0]
    except WrongType as error:
        raise BadRequest(f'DeleteOptions in version "v1" cannot be handled as DeleteOptions: {error}') from None


def _type_of(value: Any, kind: str, body: bytes) -> tuple[str, str]:
    """Return apiVersion and kind of a decoded body, empty where it says none. Raises BadRequest."""
    problem = ""
    if not isinstance(value, dict):
        problem = f"cannot unmarshal {_json_kind(value)} into Go value of type struct"
    else:
        for name in ("apiVersion", "kind"):
            if not isinstance(value.get(name) or "", str):
                problem = f"cannot unmarshal {_json_kind(value[name])} into Go struct field .{name} of type string"
    if problem:
        raise BadRequest(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse"
            f" error: json: {problem} ({_summary(body)})"
        )
    return value.get("apiVersion") or "", value.get("kind") or ""


def _summary(body: bytes) -> str:
    """Return the beginning of a body that cannot be read: text if it looks like JSON, else in hexadecimal."""
    if not body:
        return "<empty>"
    start = body[:_SUMMARY_BYTES]
    shown = start.decode(errors="replace") if start.startswith(b"{") else start.hex()
    return f"{shown} ..." if len(body) > _SUMMARY_BYTES else shown


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {"str": "string", "list": "array", "dict": "object"}.get(type(value).__name__, "null")
