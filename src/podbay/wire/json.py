"""JSON as bytes: the one door to msgspec, which is what makes encoding cheap.

A command that lives for a moment is ``light``: it leaves msgspec alone as long as texts are small.

Takes plain Python data (dict, list, str, int, float, bool, None); gives bytes, and back.
Invariant: what is decoded and encoded again is equal; object keys keep their order.
Source: RFC 8259.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_EXPECTED = (
    ("Expecting value", "looking for beginning of value"),
    ("Illegal trailing comma", "looking for beginning of value"),
    ("Expecting property name", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Expecting ','", "after"),
    ("Extra data", "after top-level value"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\escape", "in string escape code"),
    ("Invalid \\u", "in \\u hexadecimal character escape"),
)
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_SMALL_BYTES = 128 * 1024


class _Engine:
    """msgspec, imported when it is first needed."""

    def __init__(self) -> None:
        import msgspec

        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode
        self.format = msgspec.json.format
        self.errors = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


_engine: _Engine | None = None
_is_light = False


def be_light() -> None:
    """Read and write small texts without msgspec, which takes longer to import than a command to do the rest."""
    global _is_light
    _is_light = True


def _loaded() -> _Engine:
    global _engine
    _engine = _engine or _Engine()
    return _engine


def encode(value: Any) -> bytes:
    """Return the value as compact JSON; what no encoding can write has Go's mark in its place."""
    try:
        return _encoded(value)
    except UnicodeEncodeError:  # a client's bytes that are no UTF-8, in a header or a path
        return _encoded(without_halves(value))


def _encoded(value: Any) -> bytes:
    if _engine is None and _is_light:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return (_engine or _loaded()).encode(value)


def indented(data: bytes) -> bytes:
    """Return the same JSON text with a line for each value."""
    return _loaded().format(data, indent=2)


def decode(data: bytes | str) -> Any:
    """Return the value of a JSON text; ValueError says what is wrong and at which byte."""
    if _engine is None and _is_light and len(data) < _SMALL_BYTES:
        try:
            return json.loads(data if isinstance(data, str) else data.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            pass  # the other one tells it better
    engine = _engine or _loaded()
    try:
        return engine.decode(data)
    except engine.errors as error:
        raise ValueError(str(error)) from None


def decode_with_duplicates(data: bytes | str) -> tuple[Any, list[str]]:
    """Return the value, and the path of every field that an object has twice (the last one wins).

    Slower than ``decode``: only strict field validation needs it.
    """
    # By identity; the object is kept with its keys, so that no other can get its identity.
    repeated: dict[int, tuple[dict[str, Any], list[str]]] = {}

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated[id(found)] = (found, [key for key, count in counts.items() if count > 1])
        return found

    text = data if isinstance(data, str) else data.decode(errors="replace")  # as Go reads what is no UTF-8
    try:
        value = json.loads(text, object_pairs_hook=collect, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(_in_go(error)) from None
    except RecursionError as error:
        raise ValueError(str(error)) from None
    paths = list(_paths(value, "", repeated)) if repeated else []
    return (without_halves(value) if _HALF.search(text) else value), paths


def without_halves(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, which no encoding can write: Go has a mark in their place."""
    if isinstance(value, str):
        return _HALF_CHARACTER.sub("\ufffd", value)
    if isinstance(value, (list, tuple)):
        return [without_halves(item) for item in value]
    if isinstance(value, dict):
        return {without_halves(key): without_halves(item) for key, item in value.items()}
    return value


def _in_go(error: json.JSONDecodeError) -> str:
    """Return what Go's decoder says of a text that is no JSON."""
    where = next((text for begin, text in _EXPECTED if error.msg.startswith(begin)), _EXPECTED[0][1])
    if error.pos >= len(error.doc) or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    if where == "after":
        opened: list[str] = []
        for token in re.findall(r'"(?:[^"\\]|\\.)*"|[][{}]', error.doc[: error.pos]):
            if token in "[{":
                opened.append(token)
            elif token in "]}":
                opened.pop()
        where = f"after {'array element' if opened and opened[-1] == '[' else 'object key:value pair'}"
    at = error.pos + error.msg.startswith("Invalid \\")  # the character behind the backslash
    return f"invalid character {_shown(error.doc[at : at + 1])} {where}"


def _shown(character: str) -> str:
    return {"'": "'\\''", '"': "'\"'"}.get(character) or f"'{json.dumps(character, ensure_ascii=False)[1:-1]}'"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _paths(value: Any, path: str, repeated: Mapping[int, tuple[Any, list[str]]]) -> Iterator[str]:
    if isinstance(value, dict):
        below = f"{path}." if path else ""
        if id(value) in repeated:
            yield from (below + key for key in repeated[id(value)][1])
        for key, child in value.items():
            yield from _paths(child, below + key, repeated)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _paths(child, f"{path}[{index}]", repeated)
