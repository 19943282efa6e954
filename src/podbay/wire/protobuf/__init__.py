"""Kubernetes' protobuf request bodies, read into the plain data that JSON would have given.

Takes a body of ``application/vnd.kubernetes.protobuf``; gives a dict with apiVersion and kind. Driven by
``fields.txt``: one line per message, ``number:name:type`` per field. Types: ``s`` string, ``y`` bytes, ``i`` integer,
``b`` bool, ``q`` Quantity, ``o`` IntOrString, ``t`` Time, ``u`` MicroTime, ``d`` Duration, ``j`` raw JSON, or a
message's name; in front of it ``*`` for a list, ``@`` for a map, ``+`` for a message that JSON has inline.
Invariant: a field number that is not in the table is skipped, as protobuf demands; bytes that are no message are a
ValueError. Go writes every field that is no pointer, so empty strings and null times are dropped.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from podbay.wire import json
from podbay.wire.times import format_micro_time, format_time

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
PREFIX: Final = b"k8s\0"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Table = dict[int, tuple[str, str, str]]  # number -> (JSON name, card, type)


class UnknownMessage(ValueError):
    """A kind that has no table: the caller answers 415."""


def decode(body: bytes) -> dict[str, Any]:
    """Return the object in a request body. Raises ValueError, UnknownMessage for a kind that is not known."""
    if not body.startswith(PREFIX):
        raise ValueError("the body does not have the prefix of the Kubernetes protobuf encoding")
    api_version = kind = ""
    raw = b""
    for number, value in _fields(memoryview(body)[len(PREFIX) :]):
        if number == 1 and isinstance(value, memoryview):
            for inner, text in _fields(value):
                if inner == 1 and isinstance(text, memoryview):
                    api_version = str(text, "utf-8")
                elif inner == 2 and isinstance(text, memoryview):
                    kind = str(text, "utf-8")
        elif number == 2 and isinstance(value, memoryview):
            raw = bytes(value)
    message = f"events.{kind}" if api_version.startswith("events.k8s.io/") else kind
    if message not in _tables():
        raise UnknownMessage(f'no protobuf encoding is known for kind "{kind}" in version "{api_version}"')
    return {"apiVersion": api_version, "kind": kind, **_message(memoryview(raw), message)}


@cache
def _tables() -> dict[str, _Table]:
    tables: dict[str, _Table] = {}
    for line in files(__name__).joinpath("fields.txt").read_text("ascii").splitlines():
        message, *entries = line.split(" ")
        table: _Table = {}
        for entry in filter(None, entries):
            number, name, code = entry.split(":")
            card = code[0] if code[0] in "*@+" else ""
            table[int(number)] = (name, card, code.lstrip("*@+"))
        tables[message] = table
    return tables


def _message(data: memoryview, message: str) -> dict[str, Any]:
    table = _tables()[message]
    found: dict[str, Any] = {}
    for number, raw in _fields(data):
        entry = table.get(number)
        if entry is None:
            continue
        name, card, code = entry
        if card == "@":
            key, value = _map_entry(_bytes(raw), code)
            found.setdefault(name, {})[key] = value
        elif card == "*":
            found.setdefault(name, []).append(_value(raw, code))
        elif card == "+":
            found.update(_message(_bytes(raw), code))
        else:
            value = _value(raw, code)
            if value is not None and value != "":
                found[name] = value
    return found


def _map_entry(data: memoryview, code: str) -> tuple[str, Any]:
    key, value = "", _value(memoryview(b""), code) if code not in ("i", "b") else 0
    for number, raw in _fields(data):
        if number == 1:
            key = str(_bytes(raw), "utf-8")
        elif number == 2:
            value = _value(raw, code)
    return key, value


def _value(raw: int | memoryview, code: str) -> Any:
    match code:
        case "i":
            return _signed(_integer(raw))
        case "b":
            return bool(_integer(raw))
        case "s":
            return str(_bytes(raw), "utf-8")
        case "y":
            return base64.b64encode(_bytes(raw)).decode()
        case "j":
            parts = {number: value for number, value in _fields(_bytes(raw))}
            return json.decode(bytes(_bytes(parts[1]))) if 1 in parts else None
        case "q" | "o" | "t" | "u" | "d":
            return _special(_bytes(raw), code)
        case _:
            return _message(_bytes(raw), code)


def _special(data: memoryview, code: str) -> Any:
    parts = dict(_fields(data))
    if code == "q":
        return str(_bytes(parts[1]), "utf-8") if 1 in parts else "0"
    if code == "o":
        if parts.get(1):
            return str(_bytes(parts.get(3, memoryview(b""))), "utf-8")
        return _signed(_integer(parts.get(2, 0)))
    if code == "d":
        return f"{_signed(_integer(parts.get(1, 0))) / 1e9:g}s"
    if not parts:
        return None
    moment = _EPOCH + timedelta(
        seconds=_signed(_integer(parts.get(1, 0))), microseconds=_integer(parts.get(2, 0)) // 1000
    )
    return format_time(moment) if code == "t" else format_micro_time(moment)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, varint or bytes) of one message; fixed-width fields come as bytes."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, position = _varint(data, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"protobuf: illegal wire type {kind}")
        if position + length > end:
            raise ValueError("protobuf: unexpected end of message")
        yield tag >> 3, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("protobuf: unexpected end of message")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("protobuf: wrong wire type")
    return value


def _integer(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ValueError("protobuf: wrong wire type")
    return value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
