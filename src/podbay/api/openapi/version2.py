"""The OpenAPI document of version 2: as JSON for whoever wants it, as protobuf for kubectl 1.27 and 1.28.

Pure. Takes paths and definitions of version 3; gives the same facts in the older form. The protobuf form carries the
paths only: in them kubectl looks up which kinds a server validates.
Source: https://spec.openapis.org/oas/v2.0.html; OpenAPIv2.proto of gnostic
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.openapi.paths import WRITE_PARAMETERS, item_path
from podbay.api.resources import RESOURCES, Resource

_JSON: Final = ["application/json"]


def document(info: Mapping[str, str], paths: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as plain data."""
    return {
        "swagger": "2.0",
        "info": dict(info),
        "paths": {path: _path_item(operations) for path, operations in paths.items()},
        "definitions": _converted(definitions),
    }


def protobuf(info: Mapping[str, str]) -> bytes:
    """Return the document as a gnostic ``Document`` message."""
    paths = b"".join(
        _message(2, _text(1, item_path(resource)) + _message(2, _patch(resource)))
        for resource in RESOURCES
        if "patch" in resource.verbs
    )
    return _text(1, "2.0") + _message(2, _text(1, info["title"]) + _text(2, info["version"])) + _message(8, paths)


def _path_item(operations: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for method, operation in operations.items():
        if method == "parameters":
            found[method] = [_parameter(parameter) for parameter in operation]
            continue
        body = operation.get("requestBody")
        parameters = [_parameter(parameter) for parameter in operation["parameters"]]
        if body:
            reference = next(iter(body["content"].values()))["schema"]
            required = {"required": True} if body.get("required") else {}
            parameters.append({"name": "body", "in": "body", **required, "schema": _converted(reference)})
        found[method] = {
            **{key: value for key, value in operation.items() if key not in ("parameters", "requestBody", "responses")},
            "consumes": list(body["content"]) if body else ["*/*"],
            "produces": _JSON,
            "parameters": parameters,
            "responses": {
                code: {
                    "description": answer["description"],
                    **({"schema": _converted(content["schema"])} if (content := _first(answer)) else {}),
                }
                for code, answer in operation["responses"].items()
            },
        }
    return found


def _first(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next(iter(answer.get("content", {}).values()), None)


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}


def _converted(value: Any) -> Any:
    if isinstance(value, Mapping):
        found = {key: _converted(child) for key, child in value.items() if key not in ("allOf", "oneOf")}
        reference = value["allOf"][0]["$ref"] if value.get("allOf") else value.get("$ref")
        if isinstance(reference, str):
            found["$ref"] = reference.replace("#/components/schemas/", "#/definitions/")
        if value.get("oneOf"):
            found["type"] = "string"
        return found
    if isinstance(value, list):
        return [_converted(child) for child in value]
    return value


def _patch(resource: Resource) -> bytes:
    parameters = b"".join(
        _message(8, _message(1, _message(2, _message(3, _text(2, "query") + _text(4, name)))))
        for name in WRITE_PARAMETERS
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
