"""Durations as Go reads them: ``1h30m``, ``500ms``, ``-2.5s``.

Pure. Takes text; gives seconds. Source: https://pkg.go.dev/time#ParseDuration
"""

from typing import Final

_UNITS: Final = {"ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}


def parse_duration(text: str) -> float:
    """Return the seconds of a duration. Raises ValueError in Go's words."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    if rest == "0":
        return 0.0
    total, number, position = 0.0, "", 0
    while position < len(rest):
        char = rest[position]
        if char.isdigit() or char == ".":
            number += char
            position += 1
            continue
        unit = next((u for u in _UNITS if rest.startswith(u, position)), "")
        if not unit or not number.strip("."):
            break
        total += float(number) * _UNITS[unit]
        number, position = "", position + len(unit)
    if number or position < len(rest) or not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total
