"""A time in a body: read as Go's parser reads it, written as Go writes it.

Takes the text of a Time or MicroTime; gives its canonical text, in UTC, cut to seconds or microseconds.
Invariant: what is refused here is refused by upstream, with the same message.
Source: the package time of Go; meta/v1 Time and MicroTime.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Final

_SECONDS: Final = "2006-01-02T15:04:05Z07:00"
_MICROS: Final = "2006-01-02T15:04:05.000000Z07:00"
# Each element of the layout, with what it matches. A layout in seconds takes a fraction of any length.
_ELEMENTS: Final = (
    ("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"), ("15", r"\d\d?"),
    (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"), (".000000", r"[.,]\d{6}"), ("", r"([.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)  # fmt: skip
_LIMITS: Final = (("month", 1, 12), ("hour", 0, 23), ("minute", 0, 59), ("second", 0, 59))


def canonical_time(text: str, *, micro: bool) -> str:
    """Return the canonical text. Raises ValueError with the parser's message."""
    found = _elements(text, micro=micro)
    month, hour, minute, second = (int(found[name]) for name in ("01", "15", "04", "05"))
    for (name, low, high), value in zip(_LIMITS, (month, hour, minute, second), strict=True):
        if not low <= value <= high:
            raise ValueError(f"parsing time {_quoted(text)}: {name} out of range")
    fraction = (found[".000000" if micro else ""] or ".")[1:].ljust(6, "0")[:6]
    try:
        moment = datetime(int(found["2006"]), month, int(found["02"]), hour, minute, second, int(fraction), UTC)
    except ValueError:
        raise ValueError(f"parsing time {_quoted(text)}: day out of range") from None
    zone = found["Z07:00"]
    if zone != "Z":
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        moment = moment - away if zone[0] == "+" else moment + away
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _elements(text: str, *, micro: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = text
    for name, pattern in _ELEMENTS:
        if name in (".000000", "") and (name == "") is micro:
            continue
        match = re.match(pattern, rest)
        if match is None:
            layout = _MICROS if micro else _SECONDS
            raise ValueError(f'parsing time {_quoted(text)} as "{layout}": cannot parse {_quoted(rest)} as "{name}"')
        found[name] = match[0]
        rest = rest[match.end() :]
    if rest:
        raise ValueError(f"parsing time {_quoted(text)}: extra text: {_quoted(rest)}")
    return found


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
