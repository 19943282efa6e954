"""kubectl's JSONPath: templates of text and ``{expressions}``, with ranges, filters and its relaxed forms.

Pure. Takes a template and data; gives text, or the values of one expression. Errors are CommandError.
Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from podbay.kubectl.errors import CommandError

_STEP: Final = re.compile(
    r"""\.\.(?P<deep>[\w$-]+|\*)?|\.(?P<field>(?:\\.|[^.\[\]{}\s])+)|\[(?P<index>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\?\(.*?\)(?=\])|[^\]]*)\]"""
)
_FILTER: Final = re.compile(r"^\?\((?P<left>.+?)\s*(?:(?P<op>==|!=|<=|>=|<|>)\s*(?P<right>.+?))?\)$")


class MissingValue(CommandError):
    """What a template asks for is not in the data."""


class Template:
    """A parsed template."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes = list(_nodes(text))

    def render(self, data: Any, *, allow_missing: bool = True) -> str:
        """Return the template filled in with data. Raises CommandError."""
        out: list[str] = []
        _render(self._nodes, 0, len(self._nodes), data, data, out, allow_missing=allow_missing)
        return "".join(out)


def relaxed(text: str) -> str:
    """Return an expression with its braces and leading dot: ``metadata.name`` becomes ``{.metadata.name}``."""
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        return inner
    inner = inner.removeprefix(".")
    return "{." + inner + "}" if not inner.startswith("[") else "{" + inner + "}"


def values(expression: str, data: Any, *, allow_missing: bool = True) -> list[Any]:
    """Return the values that one expression (with or without braces) selects. Raises CommandError."""
    inner = expression.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip()
    return _evaluate(inner, data, data, allow_missing=allow_missing)


def text_of(value: Any) -> str:
    """Return a value as JSONPath output prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return str(value)


def _nodes(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        start = text.find("{", position)
        if start < 0:
            yield "text", text[position:]
            return
        if start > position:
            yield "text", text[position:start]
        end = _closing(text, start)
        inner = text[start + 1 : end].strip()
        position = end + 1
        if inner.startswith("range "):
            yield "range", inner[6:].strip()
        elif inner == "end":
            yield "end", ""
        elif inner[:1] in ("'", '"'):
            yield "text", _unquoted(inner)
        else:
            yield "path", inner


def _closing(text: str, start: int) -> int:
    quote = ""
    for position in range(start + 1, len(text)):
        char = text[position]
        if quote:
            if char == quote and text[position - 1] != "\\":
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "}":
            return position
    raise CommandError(f"error parsing jsonpath {text}, unclosed action")


def _render(
    nodes: list[tuple[str, str]], start: int, end: int, root: Any, current: Any, out: list[str], *, allow_missing: bool
) -> None:
    position = start
    while position < end:
        kind, value = nodes[position]
        if kind == "text":
            out.append(value)
        elif kind == "path":
            found = _evaluate(value, root, current, allow_missing=allow_missing)
            out.append(" ".join(text_of(item) for item in found))
        elif kind == "range":
            close = _end_of(nodes, position)
            for item in _evaluate(value, root, current, allow_missing=allow_missing):
                _render(nodes, position + 1, close, root, item, out, allow_missing=allow_missing)
            position = close
        position += 1


def _end_of(nodes: list[tuple[str, str]], start: int) -> int:
    depth = 0
    for position in range(start, len(nodes)):
        depth += {"range": 1, "end": -1}.get(nodes[position][0], 0)
        if depth == 0:
            return position
    raise CommandError("error parsing jsonpath, unclosed range")


def _evaluate(path: str, root: Any, current: Any, *, allow_missing: bool) -> list[Any]:
    path = path.strip()
    if path.startswith("$"):
        found, path = [root], path[1:]
    elif path.startswith("@"):
        found, path = [current], path[1:]
    else:
        found = [current]
        if path and path[0] not in ".[":
            path = "." + path
    position = 0
    while position < len(path):
        if path[position:] == ".":
            break
        match = _STEP.match(path, position)
        if match is None:
            raise CommandError(f"error parsing jsonpath {{{path}}}, unrecognized character in action")
        found = _step(match, found, root, allow_missing=allow_missing)
        position = match.end()
        if match["deep"] is None and match[0] == "..":
            continue
    return found


def _step(match: re.Match[str], found: list[Any], root: Any, *, allow_missing: bool) -> list[Any]:
    if match[0].startswith(".."):
        everything = [item for value in found for item in _descend(value)]
        if match["deep"] in (None, "*"):
            return everything
        return [value[match["deep"]] for value in everything if isinstance(value, dict) and match["deep"] in value]
    if match["field"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", match["field"]), found, allow_missing=allow_missing)
    index = match["index"].strip()
    if index == "*":
        return _field("*", found, allow_missing=allow_missing)
    if index[:1] in ("'", '"'):
        names = [_unquoted(part.strip()) for part in index.split(",")]
        return [item for name in names for item in _field(name, found, allow_missing=allow_missing)]
    if index.startswith("?("):
        return [item for value in found if isinstance(value, list) for item in value if _passes(index, item, root)]
    return [item for value in found for item in _indexed(index, value)]


def _field(name: str, found: list[Any], *, allow_missing: bool) -> list[Any]:
    out: list[Any] = []
    for value in found:
        if name == "*":
            out += list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        elif isinstance(value, dict) and name in value:
            out.append(value[name])
        elif not allow_missing:
            raise MissingValue(f"{name} is not found")
    return out


def _indexed(index: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        return []
    if ":" in index:
        parts = [int(part) if part else None for part in index.split(":")]
        return value[slice(*parts)]
    out = []
    for part in index.split(","):
        try:
            number = int(part)
        except ValueError:
            raise CommandError(f"error parsing jsonpath, invalid array index {part}") from None
        if -len(value) <= number < len(value):
            out.append(value[number])
        else:
            raise MissingValue(f"array index out of bounds: index {number}, length {len(value)}")
    return out


def _passes(text: str, item: Any, root: Any) -> bool:
    match = _FILTER.match(text)
    if match is None:
        raise CommandError(f"error parsing jsonpath, invalid filter {text}")
    left = _operand(match["left"], item, root)
    if match["op"] is None:
        return bool(left)
    right = _operand(match["right"], item, root)
    if not left or not right:
        return False
    one, other = left[0], right[0]
    if isinstance(one, bool) or isinstance(other, bool):
        one, other = text_of(one), text_of(other)
    operators = {"==": one == other, "!=": one != other}
    if match["op"] in operators:
        return bool(operators[match["op"]])
    try:
        return bool({"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[match["op"]])
    except TypeError:
        return False


def _operand(text: str, item: Any, root: Any) -> list[Any]:
    text = text.strip()
    if text[:1] in ("'", '"'):
        return [_unquoted(text)]
    if text in ("true", "false"):
        return [text == "true"]
    try:
        return [int(text)]
    except ValueError:
        return _evaluate(text, root, item, allow_missing=True)


def _descend(value: Any) -> Iterator[Any]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _descend(child)


def _unquoted(text: str) -> str:
    inner = text[1:-1] if len(text) >= 2 and text[-1] == text[0] else text[1:]
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), inner)
