"""Brings a decoded body into the shape of its kind, and says what did not fit.

Takes plain data and a Definition; gives a cleaned copy and the paths of unknown fields. Cleaned is what a round trip
through upstream's Go types gives: no unknown fields, nulls, or empty values but those that a pointer holds; structs by
value filled in; quantities and times canonical. A wrong type raises WrongType with the Go decoder's message.
Invariant: what comes out conforms again without a change. Pure.
Source: sigs.k8s.io/json; https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from podbay.api.quantity import Quantity
from podbay.api.schema import Definition, FieldSchema
from podbay.api.schema.times import canonical_time

_STRICT_LIMIT: Final = 100  # upstream tells no more unknown fields than that
_LINE_ENDS: Final = {10: None, 13: None}
_RANGES: Final = {"int32": 1 << 31, "int64": 1 << 63}


class WrongType(ValueError):
    """A value that the field's type cannot hold; the message is the Go decoder's."""


def conform(obj: Mapping[str, Any], definition: Definition) -> tuple[dict[str, Any], list[str]]:
    """Return the cleaned object and the paths of its unknown fields. Raises WrongType."""
    unknown: list[str] = []
    cleaned = _object(obj, definition, "", "", unknown)
    return cleaned, list(dict.fromkeys(unknown))[:_STRICT_LIMIT]


def _object(
    obj: Mapping[str, Any], definition: Definition, path: str, go_path: str, unknown: list[str]
) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for name, value in obj.items():
        field = definition.field(name)
        here = f"{path}.{name}" if path else name
        if field is None:
            unknown.append(here)
            continue
        if value is None:
            continue
        go_here = f"{go_path}.{name}" if go_path else name
        result = _value(value, field, here, (definition.go_name, go_here), unknown)
        if result is not None and (result or name in definition.required or not _is_absent(field)):
            cleaned[name] = result
    for name, inner in definition.by_value:
        if name not in cleaned:
            cleaned[name] = _object({}, inner, "", "", unknown)
    for name in definition.always_written:
        cleaned.setdefault(name, "")
    return cleaned


def _is_absent(field: FieldSchema) -> bool:
    """Tell whether an empty value of a field that is not required is the same as none."""
    if field.is_pointer or field.is_always_written:
        return False
    return field.type in ("string", "integer", "boolean", "number", "array", "map")


def _value(value: Any, field: FieldSchema, path: str, go: tuple[str, str], unknown: list[str]) -> Any:
    match field.type:
        case "string":
            return _string(value, field, go)
        case "integer":
            return _integer(value, field, go)
        case "boolean":
            return value if isinstance(value, bool) else _wrong(value, field, go)
        case "number":
            return value if _is_number(value) else _wrong(value, field, go)
        case "array":
            return _array(value, field, path, go, unknown)
        case "map":
            return _map(value, field, path, go, unknown)
        case "object":
            if not isinstance(value, Mapping):
                _wrong(value, field, go)
            assert field.definition is not None
            return _object(value, field.definition, path, go[1], unknown)
        case _:
            return _special(value, field)


def _string(value: Any, field: FieldSchema, go: tuple[str, str]) -> str:
    if not isinstance(value, str):
        _wrong(value, field, go)
    if field.schema.get("format") == "byte":
        try:
            return base64.b64encode(base64.b64decode(value.translate(_LINE_ENDS), validate=True)).decode()
        except binascii.Error:
            raise WrongType("illegal base64 data at input byte " + str(_illegal_base64(value))) from None
    return str(value)


def _illegal_base64(text: str) -> int:
    match = re.search(r"[^A-Za-z0-9+/=\n\r]", text)
    return match.start() if match else len(text.rstrip("=")) // 4 * 4


def _integer(value: Any, field: FieldSchema, go: tuple[str, str]) -> int:
    limit = _RANGES.get(str(field.schema.get("format")), 1 << 63)
    if not _is_integer(value) or not -limit <= value < limit:
        _wrong(value, field, go)
    return int(value)


def _array(value: Any, field: FieldSchema, path: str, go: tuple[str, str], unknown: list[str]) -> list[Any]:
    if not isinstance(value, list):
        _wrong(value, field, go)
    assert field.items is not None
    return [
        _value(item, field.items, f"{path}[{index}]", go, unknown) if item is not None else _zero(field.items)
        for index, item in enumerate(value)
    ]


def _map(value: Any, field: FieldSchema, path: str, go: tuple[str, str], unknown: list[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        _wrong(value, field, go)
    if field.items is None:
        return dict(value)
    return {
        key: _value(item, field.items, f"{path}.{key}", go, unknown) if item is not None else _zero(field.items)
        for key, item in value.items()
    }


def _zero(field: FieldSchema) -> Any:
    return {"string": "", "integer": 0, "boolean": False, "array": [], "quantity": "0"}.get(field.type, {})


def _special(value: Any, field: FieldSchema) -> Any:
    match field.type:
        case "quantity":
            try:
                return str(Quantity.parse(value if _is_number(value) or isinstance(value, str) else "true"))
            except ValueError as error:
                raise WrongType(str(error)) from None
        case "int-or-string":
            if isinstance(value, str) or (_is_integer(value) and -_RANGES["int32"] <= value < _RANGES["int32"]):
                return value
            raise WrongType(f"json: cannot unmarshal {_json_type(value, field)} into Go value of type int32")
        case "time" | "micro-time":
            if not isinstance(value, str):
                raise WrongType(f"json: cannot unmarshal {_json_type(value, field)} into Go value of type string")
            try:
                return canonical_time(value, micro=field.type == "micro-time")
            except ValueError as error:
                raise WrongType(str(error)) from None
        case _:
            return value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _json_type(value: Any, field: FieldSchema) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return f"number {value}" if field.type in ("integer", "int-or-string") else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _wrong(value: Any, field: FieldSchema, go: tuple[str, str]) -> Any:
    struct, path = go
    found = _json_type(value, field)
    raise WrongType(f"json: cannot unmarshal {found} into Go struct field {struct}.{path} of type {field.go_type}")
