"""The functions that Go templates may call: Go's own, and kubectl's ``exists`` and ``base64decode``.

Pure. Takes values; gives a value, or raises ValueError, TypeError or LookupError, which the template tells.
Source: https://pkg.go.dev/text/template#hdr-Functions
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from podbay.kubectl.printers.golang import go_syntax, go_value

_VERB: Final = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])")


def truth(value: Any) -> bool:
    """Tell whether a value counts as true: it is not empty and not zero."""
    return bool(value)


def _and(*values: Any) -> Any:
    return next((value for value in values if not truth(value)), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if truth(value)), values[-1])


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, (list, str)):
            if not isinstance(key, int) or not 0 <= key < len(value):
                raise LookupError(f"index out of range: {key}")
            value = value[key]
        else:
            raise TypeError("index of untyped nil" if value is None else f"can't index item of {go_value(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    return value[slice(*bounds)] if bounds else value


def _equal(first: Any, *others: Any) -> bool:
    return any(first == other and isinstance(first, bool) == isinstance(other, bool) for other in others)


def _printf(template: str, *values: Any) -> str:
    rest = list(values)

    def filled(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        text = _formatted(verb, rest.pop(0), precision, sharp="#" in flags)
        fill = "0" if "0" in flags and "-" not in flags else " "
        size = int(width or 0)
        return text.ljust(size) if "-" in flags else text.rjust(size, fill)

    done = _VERB.sub(filled, template)
    return done + (f"%!(EXTRA {', '.join(go_value(value) for value in rest)})" if rest else "")


def _formatted(verb: str, value: Any, precision: str | None, *, sharp: bool) -> str:
    match verb:
        case "v" | "s":
            text = go_syntax(value) if sharp else go_value(value)
            return text[: int(precision)] if precision and verb == "s" else text
        case "q":
            return json.dumps(go_value(value), ensure_ascii=False)
        case "d" if isinstance(value, int):
            return str(value)
        case "t" if isinstance(value, bool):
            return go_value(value)
        case "x" | "X" if isinstance(value, int):
            return f"{value:{verb}}"
        case "f" if isinstance(value, (int, float)):
            return f"{value:.{precision or 6}f}"
    return f"%!{verb}({go_value(value)})"


def _print(*values: Any) -> str:
    out = ""
    for position, value in enumerate(values):
        texts = isinstance(value, str) or (position > 0 and isinstance(values[position - 1], str))
        out += (" " if position and not texts else "") + go_value(value)
    return out


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise ValueError("base64 decode failed: illegal base64 data") from None


def _exists(value: Any, *keys: Any) -> bool:
    for key in keys:
        if not isinstance(value, (Mapping, list)):
            return False
        if not (key in value if isinstance(value, Mapping) else isinstance(key, int) and 0 <= key < len(value)):
            return False
        value = value[key]
    return True


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not truth(value),
    "len": len,
    "index": _index,
    "slice": _slice,
    "eq": _equal,
    "ne": lambda a, b: not _equal(a, b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "print": _print,
    "println": lambda *values: " ".join(go_value(value) for value in values) + "\n",
    "printf": _printf,
    "html": lambda *values: html.escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "js": lambda *values: json.dumps(_print(*values))[1:-1].replace("'", "\\'"),
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "exists": _exists,
    "base64decode": _decoded,
}
