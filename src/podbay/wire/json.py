"""JSON as bytes: the one door to msgspec, which is what makes encoding cheap.

Takes plain Python data (dict, list, str, int, float, bool, None); gives bytes, and back.
Invariant: what is decoded and encoded again is equal; object keys keep their order.
Source: RFC 8259.
"""

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """Return the value as compact JSON."""
    return _encoder.encode(value)


def decode(data: bytes | str) -> Any:
    """Return the value of a JSON text; ValueError says what is wrong and at which byte."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def decode_with_duplicates(data: bytes | str) -> tuple[Any, list[str]]:
    """Return the value, and the path of every field that an object has twice (the last one wins).

    Slower than ``decode``: only strict field validation needs it.
    """
    duplicates: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    found.setdefault(_DUPLICATES, []).append(key)
                seen.add(key)
        return found

    try:
        value = json.loads(data, object_pairs_hook=collect)
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    _take_duplicates(value, "", duplicates)
    return value, duplicates


_DUPLICATES = "\0duplicates"


def _take_duplicates(value: Any, path: str, into: list[str]) -> None:
    if isinstance(value, dict):
        for key in dict.fromkeys(value.pop(_DUPLICATES, ())):
            into.append(f"{path}.{key}" if path else key)
        for key, child in value.items():
            _take_duplicates(child, f"{path}.{key}" if path else key, into)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _take_duplicates(child, f"{path}[{index}]", into)
