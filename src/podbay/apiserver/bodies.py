"""Request bodies: bytes in JSON, YAML or protobuf become an object of the expected kind.

Takes a request and the resource it goes to; gives the object, cleaned to its schema, and warnings about what did not
fit. How strict it is, is the client's choice (``fieldValidation``).
Invariant: nothing unknown gets through; Strict refuses it, Warn tells it, Ignore drops it in silence.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from typing import Any, Final

from podbay.api import schema
from podbay.api.errors import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from podbay.api.resources import Resource
from podbay.api.schema.conform import WrongType, conform
from podbay.apiserver.request_info import Query
from podbay.wire import json, protobuf, yaml
from podbay.wire.http import Request

LIMIT_BYTES: Final = 3 * 1024 * 1024
_FIELD_VALIDATION: Final = ("", "Ignore", "Warn", "Strict")


def media_type(request: Request) -> str:
    """Return the content type without parameters."""
    return request.headers.get("Content-Type").partition(";")[0].strip().lower()


def check_size(request: Request) -> None:
    """Refuse a body over the limit. Raises RequestEntityTooLarge."""
    if len(request.body) > LIMIT_BYTES:
        raise RequestEntityTooLarge(f"Request entity too large: limit is {LIMIT_BYTES}")


def field_validation(query: Query) -> str:
    """Return how strict the client wants us. Raises BadRequest."""
    level = query.get("fieldValidation", "")
    if level not in _FIELD_VALIDATION:
        raise BadRequest(
            f'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "{level}":'
            ' supported values: "", "Ignore", "Strict", "Warn"'
        )
    return level or "Warn"


def decode(request: Request, *, duplicates: bool = False) -> tuple[Any, list[str]]:
    """Return a body's value and the paths of duplicate fields. Raises BadRequest, UnsupportedMediaType."""
    check_size(request)
    media = media_type(request)
    try:
        if media in ("application/json", "", "text/plain", "*/*"):
            return json.decode_with_duplicates(request.body) if duplicates else (json.decode(request.body), [])
        if media in ("application/yaml", "application/x-yaml", "text/yaml"):
            return next(yaml.load_all(request.body), None), []
        if media == protobuf.MEDIA_TYPE:
            return protobuf.decode(request.body), []
    except protobuf.UnknownMessage as error:
        raise UnsupportedMediaType(str(error)) from None
    except ValueError as error:
        raise BadRequest(f"the object provided is unrecognized (must be of type Object): {error}") from None
    raise UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: application/json,"
        " application/yaml, application/vnd.kubernetes.protobuf"
    )


def decode_object(
    request: Request, api_version: str, kind: str, level: str, *, any_version: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Return the object of a body and its warnings. Raises BadRequest in upstream's words."""
    strict = level != "Ignore"
    value, repeated = decode(request, duplicates=strict)
    if not isinstance(value, dict):
        raise BadRequest(
            f'{kind} in version "{api_version}" cannot be handled as a {kind}: json: cannot unmarshal'
            f" {_json_kind(value)} into Go value of type v1.{kind}"
        )
    given_version, given_kind = value.get("apiVersion") or api_version, value.get("kind") or kind
    if given_kind != kind or (given_version != api_version and not any_version):
        raise BadRequest(
            f"the API version in the data ({given_version}) does not match the expected API version ({api_version})"
            if given_kind == kind
            else f'{given_kind} in version "{given_version}" cannot be handled as a {kind}: no kind "{given_kind}"'
            f' is registered for version "{given_version}" in scheme'
        )
    try:
        obj, problems = shaped(value, api_version, kind, repeated)
    except WrongType as error:
        raise BadRequest(f'{kind} in version "{api_version}" cannot be handled as a {kind}: {error}') from None
    if problems and level == "Strict":
        raise BadRequest(
            f'{kind} in version "{api_version}" cannot be handled as a {kind}: strict decoding error:'
            f" {', '.join(problems)}"
        )
    return obj, problems if strict else []


def shaped(value: dict[str, Any], api_version: str, kind: str, repeated: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return a value in the shape of its kind, and what did not fit. Raises WrongType."""
    try:
        obj, unknown = conform(value, schema.definition(api_version, kind))
    except schema.UnknownKind:
        obj, unknown = dict(value), []
    obj["apiVersion"], obj["kind"] = api_version, kind
    obj.setdefault("metadata", {})
    problems = [f'duplicate field "{path}"' for path in repeated] + [f'unknown field "{path}"' for path in unknown]
    return obj, problems


def decode_options(request: Request, resource: Resource) -> dict[str, Any]:
    """Return the DeleteOptions of a body and query; the query fills in what the body leaves out."""
    options: dict[str, Any] = {}
    if request.body:
        value, _ = decode(request)
        if not isinstance(value, dict):
            raise BadRequest("the body of a deletion must be DeleteOptions")
        if value.get("kind") not in (None, "DeleteOptions"):
            raise BadRequest(f'no kind "{value.get("kind")}" is registered for deletion of {resource.plural}')
        try:
            options, _ = conform(value, schema.definition("v1", "DeleteOptions"))
        except WrongType as error:
            raise BadRequest(str(error)) from None
    return options


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {"str": "string", "list": "array"}.get(type(value).__name__, "null")
