"""The OpenAPI document of version 2, for clients that know no other.

Pure. Takes paths and definitions of version 3; gives the same facts in the older form.
Source: https://spec.openapis.org/oas/v2.0.html
"""

from collections.abc import Mapping
from typing import Any, Final

_JSON: Final = ["application/json"]


def document(info: Mapping[str, str], paths: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as plain data."""
    return {
        "swagger": "2.0",
        "info": dict(info),
        "paths": {path: _path_item(operations) for path, operations in paths.items()},
        "definitions": _converted(definitions),
    }


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
