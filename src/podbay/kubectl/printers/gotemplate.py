"""Go templates, as ``-o go-template`` takes them: fields, variables, pipelines, ``if``, ``range``, ``with``.

Pure. Takes a template's text; gives what fills it in. Templates that define others are refused.
Source: https://pkg.go.dev/text/template
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.kubectl.errors import CommandError
from podbay.kubectl.printers.golang import go_value
from podbay.kubectl.printers.gotemplate_functions import FUNCTIONS, truth

_ACTION: Final = re.compile(
    r"\{\{(-\s)?\s*(/\*.*?\*/|(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?!\}\}).)*?)\s*(\s-)?\}\}", re.DOTALL
)
_TOKEN: Final = re.compile(
    r"\s*(\"(?:\\.|[^\"\\])*\"|`[^`]*`|:=|=|\||,|\(|\)|\$\w*|(?:\.\w+)|\.(?!\w)|-?\d+(?:\.\d+)?|\w+|.)", re.DOTALL
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class TemplateError(Exception):
    """A template that cannot be filled in."""


@dataclass(slots=True)
class Node:
    """A piece of a template: ``text``, or an action with what it holds."""

    kind: str
    text: str
    body: list["Node"] = field(default_factory=list)
    other: list["Node"] = field(default_factory=list)


class GoTemplate:
    """A parsed template. Raises CommandError for one that is none."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            nodes, ended = _parse(iter(_pieces(text)))
            if ended:
                raise TemplateError(f"unexpected {{{{{ended}}}}}")
        except TemplateError as error:
            raise CommandError(f"error parsing template {text}, template: output:1: {error}") from None
        self._nodes = nodes

    def render(self, data: Any) -> str:
        """Return the template filled in. Raises CommandError."""
        out: list[str] = []
        try:
            _run(self._nodes, data, {"$": data}, out)
        except TemplateError as error:
            shown = self._text.replace("\\", "\\\\").replace('"', '\\"')
            raise CommandError(f'error executing template "{shown}": template: output: {error}') from None
        return "".join(out)


def _pieces(text: str) -> Iterator[Node]:
    position, trim = 0, False
    for match in _ACTION.finditer(text):
        before = text[position : match.start()]
        before = before.lstrip() if trim else before
        yield Node("text", before.rstrip() if match[1] else before)
        if not match[2].startswith("/*"):
            yield Node("action", match[2].strip())
        position, trim = match.end(), bool(match[3])
    rest = text[position:]
    if "{{" in rest:
        raise TemplateError("unclosed action")
    yield Node("text", rest.lstrip() if trim else rest)


def _parse(pieces: Iterator[Node]) -> tuple[list[Node], str]:
    """Return nodes up to what ends them, and that: nothing, ``end`` or ``else ...``."""
    nodes: list[Node] = []
    for piece in pieces:
        word, _, rest = piece.text.partition(" ") if piece.kind == "action" else ("", "", "")
        if piece.kind == "text":
            nodes.append(piece)
        elif word in ("end", "else"):
            return nodes, piece.text
        elif word in ("if", "range", "with"):
            nodes.append(_block(word, rest.strip(), pieces))
        elif word in ("break", "continue"):
            nodes.append(Node(word, ""))
        elif word in ("define", "block", "template"):
            raise TemplateError(f"podbay does not support {word} in templates")
        else:
            _check(piece.text)
            nodes.append(piece)
    return nodes, ""


def _block(word: str, pipeline: str, pieces: Iterator[Node]) -> Node:
    if not pipeline:
        raise TemplateError(f"missing value for {word}")
    _check(pipeline)
    node = Node(word, pipeline)
    node.body, ended = _parse(pieces)
    if ended.startswith("else"):
        again = ended[4:].strip()
        if again:
            inner, _, rest = again.partition(" ")
            node.other = [_block(inner, rest.strip(), pieces)]
            return node
        node.other, ended = _parse(pieces)
    if ended != "end":
        raise TemplateError("unexpected EOF")
    return node


def _check(pipeline: str) -> None:
    words = _TOKEN.findall(pipeline)
    for word in words:
        if re.fullmatch(r"[A-Za-z_]\w*", word) and word not in FUNCTIONS and word not in ("true", "false", "nil"):
            raise TemplateError(f'function "{word}" not defined')


class _Leave(Exception):
    """``break`` or ``continue``."""


def _run(nodes: list[Node], dot: Any, variables: dict[str, Any], out: list[str]) -> None:
    for node in nodes:
        if node.kind == "text":
            out.append(node.text)
        elif node.kind == "action":
            names, value = _assigned(node.text, dot, variables)
            if not names:
                out.append("<no value>" if value is None else go_value(value))
        elif node.kind in ("break", "continue"):
            raise _Leave(node.kind)
        elif node.kind == "range":
            _range(node, dot, variables, out)
        else:
            inner = dict(variables)
            _, value = _assigned(node.text, dot, inner)
            chosen = node.body if truth(value) else node.other
            within = value if node.kind == "with" and truth(value) else dot
            _run(chosen, within, inner, out)


def _range(node: Node, dot: Any, variables: dict[str, Any], out: list[str]) -> None:
    head, assigns, pipeline = node.text.partition(":=")
    names = [name.strip() for name in head.split(",")] if assigns else []
    value = _pipeline(pipeline if assigns else node.text, dot, variables)
    if isinstance(value, Mapping):
        pairs: list[tuple[Any, Any]] = [(key, value[key]) for key in sorted(value)]
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    elif value is None:
        pairs = []
    else:
        raise TemplateError(f"range can't iterate over {go_value(value)}")
    if not pairs:
        _run(node.other, dot, dict(variables), out)
    for key, item in pairs:
        inner = dict(variables)
        inner.update(zip(names, (key, item) if len(names) > 1 else (item,), strict=False))
        try:
            _run(node.body, item, inner, out)
        except _Leave as leave:
            if leave.args[0] == "break":
                break


def _assigned(text: str, dot: Any, variables: dict[str, Any]) -> tuple[str, Any]:
    """Return the variable that an action sets, if it does, and the value."""
    match = re.match(r"(\$\w+)\s*:?=\s*(.*)$", text, re.DOTALL)
    if match is None:
        return "", _pipeline(text, dot, variables)
    variables[match[1]] = value = _pipeline(match[2], dot, variables)
    return match[1], value


def _pipeline(text: str, dot: Any, variables: Mapping[str, Any]) -> Any:
    value, rest = _piped(_tokens(text), dot, variables)
    if rest:
        raise TemplateError(f"unexpected {rest[0]!r} in operand")
    return value


def _tokens(text: str) -> list[str]:
    """Return the tokens of a pipeline; a field that belongs to what stands before it begins with two dots."""
    found = []
    for match in _TOKEN.finditer(text):
        joined = match.start() == match.start(1) > 0 and re.fullmatch(r"\.\w+", match[1])
        if match[1].strip():
            found.append(f".{match[1]}" if joined else match[1])
    return found


def _piped(words: list[str], dot: Any, variables: Mapping[str, Any]) -> tuple[Any, list[str]]:
    last: list[Any] = []
    while True:
        value, words = _command(words, dot, variables, last)
        if not words or words[0] != "|":
            return value, words
        last, words = [value], words[1:]


def _command(words: list[str], dot: Any, variables: Mapping[str, Any], last: list[Any]) -> tuple[Any, list[str]]:
    if not words:
        raise TemplateError("missing value for command")
    name = words[0] if words[0] in FUNCTIONS else ""
    words = words[1:] if name else words
    operands: list[Any] = []
    while words and words[0] not in ("|", ")"):
        value, words = _operand(words, dot, variables)
        operands.append(value)
    if not name:
        if len(operands) != 1 or last:
            raise TemplateError("can't give argument to non-function")
        return operands[0], words
    try:
        return FUNCTIONS[name](*operands, *last), words
    except (TypeError, ValueError, LookupError) as error:
        raise TemplateError(f"error calling {name}: {error}") from None


def _operand(words: list[str], dot: Any, variables: Mapping[str, Any]) -> tuple[Any, list[str]]:
    word, rest = words[0], words[1:]
    if word == "(":
        value, rest = _piped(rest, dot, variables)
        if not rest or rest[0] != ")":
            raise TemplateError("unclosed left paren")
        rest = rest[1:]
    elif word == ".":
        value = dot
    elif word.startswith("."):
        value = _field(dot, word[1:])
    elif word.startswith("$"):
        if word not in variables:
            raise TemplateError(f'undefined variable "{word}"')
        value = variables[word]
    elif word[0] in '"`':
        value = word[1:-1] if word[0] == "`" else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), word[1:-1])
    elif word in FUNCTIONS:
        value = FUNCTIONS[word]()
    else:
        value = _constant(word)
    while rest and rest[0].startswith(".."):
        value, rest = _field(value, rest[0][2:]), rest[1:]
    return value, rest


def _constant(word: str) -> Any:
    if word in ("true", "false", "nil"):
        return {"true": True, "false": False}.get(word)
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        raise TemplateError(f"unexpected {word!r} in operand") from None


def _field(value: Any, name: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TemplateError(f"can't evaluate field {name} in type interface {{}}")
    return value.get(name)
