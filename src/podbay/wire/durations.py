"""Durations as Go reads and prints them: ``1h30m``, ``500ms``, ``-2.5s``.

Pure. Takes text and gives seconds; takes seconds and gives text, as upstream's events, states and messages carry it.
Source: https://pkg.go.dev/time#ParseDuration, https://pkg.go.dev/time#Duration.String
"""

import re
from typing import Final

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")
_MOST_S: Final = 2**63 / 1e9  # Go counts nanoseconds in 64 bits


def parse_duration(text: str) -> float:
    """Return the seconds of a duration. Raises ValueError in Go's words."""
    rest = text[1:] if text.startswith(("-", "+")) else text
    if rest == "0":
        return 0.0
    total, position = 0.0, 0
    while part := _PART.match(rest, position):
        number, unit = part.groups()
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        total += float(number) * _UNITS[unit]
        position = part.end()
    if not rest or position < len(rest) or total >= _MOST_S:
        raise ValueError(f'time: invalid duration "{text}"')
    return -total if text.startswith("-") else total


def go_duration(seconds: float) -> str:
    """Return a duration, cut to the millisecond."""
    milliseconds = int(seconds * 1000 + 1e-6)
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes == 0:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
