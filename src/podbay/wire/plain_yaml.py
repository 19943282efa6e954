"""The YAML that kubeconfig files are made of, read without a YAML parser, whose import takes longer than a command.

Pure. Takes text; gives what ``yaml`` would give, or None for a text with anything that is not as plain as this: block
mappings and lists, and scalars that are strings, true or false beyond doubt.
Invariant: what is returned equals what the real parser returns.
"""

import re
from typing import Any, Final, NamedTuple

_KEY: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):(?: +(.*))?$")
_PLAIN: Final = re.compile(r"[A-Za-z/][^\s#:,\[\]{}&*!|>'\"%@`]*(?:[:][^\s#:,\[\]{}&*!|>'\"%@`]+)*$")
_QUOTED: Final = re.compile(r"\"([^\"\\]*)\"$|'([^']*)'$")
_WORDS: Final = frozenset(("y", "yes", "n", "no", "on", "off", "null", "true", "false"))
_CONSTANTS: Final[dict[str, Any]] = {"true": True, "false": False, "{}": {}, "[]": []}


class _Line(NamedTuple):
    """A line without its indentation."""

    indent: int
    text: str


class _NotPlain(Exception):
    """The text needs the real parser."""


def load(text: str) -> Any:
    """Return the document's value, or None if it is not plain enough."""
    try:
        lines = [_line(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not lines or (not text.isprintable() and not text.replace("\n", "").isprintable()):
            return None
        value, rest = _block(lines, 0, lines[0].indent)
        return None if rest < len(lines) or lines[0].indent else value
    except _NotPlain:
        return None


def _line(text: str) -> _Line:
    body = text.lstrip(" ")
    if body.startswith(("---", "...", "\t", "? ")):
        raise _NotPlain
    return _Line(len(text) - len(body), body.rstrip(" "))


def _block(lines: list[_Line], at: int, indent: int) -> tuple[Any, int]:
    """Return the value of the lines from one on that stand at an indentation, and where they end."""
    if lines[at].text == "-" or lines[at].text.startswith("- "):
        return _list(lines, at, indent)
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at].indent == indent and not lines[at].text.startswith("- "):
        match = _KEY.match(lines[at].text)
        if match is None or match[1] in found or match[1].lower() in _WORDS:
            raise _NotPlain
        at += 1
        if match[2]:
            found[match[1]] = _scalar(match[2])
        elif at < len(lines) and (lines[at].indent > indent or _is_item(lines[at], indent)):
            found[match[1]], at = _block(lines, at, lines[at].indent)
        else:
            found[match[1]] = None
    if at < len(lines) and lines[at].indent > indent:
        raise _NotPlain
    return found, at


def _is_item(line: _Line, indent: int) -> bool:
    return line.indent == indent and line.text.startswith("- ")


def _list(lines: list[_Line], at: int, indent: int) -> tuple[list[Any], int]:
    found = []
    while at < len(lines) and _is_item(lines[at], indent):
        body = lines[at].text[2:].lstrip(" ")
        inner = indent + len(lines[at].text) - len(body)
        if not body or body.startswith("- "):
            raise _NotPlain
        if _KEY.match(body) is None:
            found.append(_scalar(body))
            at += 1
            continue
        lines[at] = _Line(inner, body)
        value, at = _block(lines, at, inner)
        found.append(value)
    if at < len(lines) and lines[at].indent > indent:
        raise _NotPlain
    return found, at


def _scalar(text: str) -> Any:
    if text in _CONSTANTS:
        value = _CONSTANTS[text]
        return value if isinstance(value, bool) else type(value)()
    quoted = _QUOTED.match(text)
    if quoted is not None:
        return quoted[1] if quoted[1] is not None else quoted[2]
    if text.lower() in _WORDS or _PLAIN.match(text) is None:
        raise _NotPlain
    return text
