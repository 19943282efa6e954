"""The OpenAPI document of version 2 as protobuf, the form that kubectl takes it in.

Pure. Takes the document as plain data; gives a ``Document`` message: every definition, and of the paths what clients
look up in them, the patch operation of each kind, which tells whether fields are validated.
Source: OpenAPIv2.proto of gnostic (field numbers)
"""

import json
from collections.abc import Mapping
from typing import Any, Final

_Json = Mapping[str, Any]
_TEXTS: Final = (("$ref", 1), ("format", 2), ("title", 3), ("description", 4), ("pattern", 13))


def encode(document: _Json) -> bytes:
    """Return the message."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = b"".join(
        _message(2, _text(1, path) + _message(2, _message(8, _operation(item["patch"]))))
        for path, item in document["paths"].items()
        if item.get("patch", {}).get("x-kubernetes-action") == "patch"
    )
    definitions = b"".join(_named(1, name, _schema(schema)) for name, schema in document["definitions"].items())
    return _text(1, document["swagger"]) + _message(2, info) + _message(8, paths) + _message(9, definitions)


def _operation(operation: _Json) -> bytes:
    parameters = b"".join(
        _message(8, _message(1, _message(2, _message(3, _text(2, "query") + _text(4, parameter["name"])))))
        for parameter in operation["parameters"]
        if parameter["in"] == "query"
    )
    return _text(5, operation["operationId"]) + parameters + _extensions(13, operation)


def _schema(schema: _Json) -> bytes:
    found = b"".join(_text(number, schema[key]) for key, number in _TEXTS if key in schema)
    found += b"".join(_text(19, name) for name in schema.get("required", ()))
    found += b"".join(_message(20, _any(value)) for value in schema.get("enum", ()))
    if isinstance(schema.get("additionalProperties"), Mapping):
        found += _message(21, _message(1, _schema(schema["additionalProperties"])))
    if "type" in schema:
        found += _message(22, _text(1, schema["type"]))
    if "items" in schema:
        found += _message(23, _message(1, _schema(schema["items"])))
    if "properties" in schema:
        properties = schema["properties"].items()
        found += _message(25, b"".join(_named(1, name, _schema(child)) for name, child in properties))
    return found + _extensions(31, schema)


def _extensions(number: int, value: _Json) -> bytes:
    return b"".join(_named(number, key, _any(child)) for key, child in value.items() if key.startswith("x-"))


def _any(value: Any) -> bytes:
    """Return an ``Any``, which carries YAML; JSON is YAML."""
    return _text(2, json.dumps(value))


def _named(number: int, name: str, content: bytes) -> bytes:
    return _message(number, _text(1, name) + _message(2, content))


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
