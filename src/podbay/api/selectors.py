"""Label selectors, field selectors and node selector terms: parsed once, asked often.

Takes query parameters and the selectors inside objects; gives ``matches`` to lists, watches, the scheduler and the
CLI. Invariant: a parsed selector is immutable and hashable, so equal selectors of many watchers can share one answer.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from podbay.api import names

_SYMBOLS: Final = "=!(),><"
_OPERATORS: Final = frozenset({")", ",", "!", "==", "=", ">", "<", "!=", "("})
_KEYWORDS: Final = frozenset({"in", "notin"})
_BINARY: Final = {"in": "in", "notin": "notin", "=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_BINARY_TEXT: Final = "in, notin, =, ==, !=, gt, lt"
_FROM_OBJECT: Final = {
    "In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt",
}  # fmt: skip
_NOT_INTEGER: Final = "for 'Gt', 'Lt' operators, the value must be an integer"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. The operator is one of ``in notin = == != exists ! gt lt``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in" | "=" | "==":
                return value is not None and value in self.values
            case "notin" | "!=":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                if value is None or not _INTEGER.fullmatch(value):
                    return False
                bound = int(self.values[0])
                return int(value) > bound if self.operator == "gt" else int(value) < bound

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return "!" + self.key
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"
            case "gt" | "lt":
                return f"{self.key}{'>' if self.operator == 'gt' else '<'}{self.values[0]}"
            case _:
                return f"{self.key}{self.operator}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that must all hold; none of them selects everything, ``nothing`` selects nothing."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    @classmethod
    def of_object(cls, selector: Mapping[str, Any] | None) -> "LabelSelector":
        """Return the selector of a LabelSelector object: None selects nothing, an empty one everything.

        Raises ValueError for an operator that there is not.
        """
        if selector is None:
            return cls(nothing=True)
        found = [Requirement(key, "=", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
        found += [_requirement_of(expression) for expression in selector.get("matchExpressions") or ()]
        return cls(tuple(sorted(found, key=lambda r: r.key)))

    @classmethod
    def of_labels(cls, labels: Mapping[str, str]) -> "LabelSelector":
        """Return the selector of exactly these labels."""
        return cls(tuple(Requirement(key, "=", (value,)) for key, value in sorted(labels.items())))

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tell whether labels meet every condition."""
        return not self.nothing and all(requirement.matches(labels or {}) for requirement in self.requirements)

    def __bool__(self) -> bool:
        """Tell whether the selector leaves anything out."""
        return bool(self.requirements) or self.nothing

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


class FieldRequirement(NamedTuple):
    """One condition on a field; the operator is ``=`` or ``!=``."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.field}{self.operator}{escaped}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions on fields that must all hold."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Tell whether the fields of an object meet every condition; a field it lacks is empty."""
        return all((fields.get(r.field, "") == r.value) == (r.operator == "=") for r in self.requirements)

    def required(self, field: str) -> str | None:
        """Return the value that the selector asks of a field, if it asks for one."""
        return next((r.value for r in self.requirements if r.field == field and r.operator == "="), None)

    def __bool__(self) -> bool:
        """Tell whether the selector leaves anything out."""
        return bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse_label_selector(text: str) -> LabelSelector:
    """Return the selector of a ``labelSelector`` parameter. Raises ValueError with upstream's message."""
    return LabelSelector(tuple(sorted(_Parser(text).requirements(), key=lambda r: r.key)))


def parse_field_selector(text: str) -> FieldSelector:
    """Return the selector of a ``fieldSelector`` parameter. Raises ValueError with upstream's message."""
    requirements = []
    for term in sorted(_field_terms(text)):
        if not term:
            continue
        split = re.search("!=|==|=", term)
        if split is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{term}'")
        value = _unescaped(term[split.end() :])
        requirements.append(FieldRequirement(term[: split.start()], "!=" if split.group() == "!=" else "=", value))
    return FieldSelector(tuple(requirements))


def matches_node_selector_terms(
    terms: Iterable[Mapping[str, Any]], labels: Mapping[str, str], fields: Mapping[str, str]
) -> bool:
    """Tell whether a node's labels and fields meet any of the terms; an empty term meets no node."""
    return any(_matches_term(term, labels, fields) for term in terms)


def requirement_problems(key: str, operator: str, values: Sequence[str], path: str = "") -> list[str]:
    """Return what is wrong with one condition, each as ``field: problem``."""
    base = f"{path}." if path else ""
    problems = []
    if key_problems := names.qualified_name_problems(key):
        problems.append(f"{base}key: Invalid value: {_quoted(key)}: {'; '.join(key_problems)}")
    if operator in ("in", "notin") and not values:
        problems.append(f"{base}values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    if operator in ("gt", "lt"):
        if len(values) != 1:
            problems.append(
                f"{base}values: Invalid value: {_json(values)}: for 'Gt', 'Lt' operators, exactly one value is required"
            )
        problems += [
            f"{base}values[{i}]: Invalid value: {_quoted(value)}: {_NOT_INTEGER}"
            for i, value in enumerate(values)
            if not _INTEGER.fullmatch(value)
        ]
    for i, value in enumerate(values):
        if value_problems := names.label_value_problems(value):
            where = f"{base}values[{i}][{key}]"
            problems.append(f"{where}: Invalid value: {_quoted(value)}: {'; '.join(value_problems)}")
    return problems


def _requirement_of(expression: Mapping[str, Any]) -> Requirement:
    operator = _FROM_OBJECT.get(expression.get("operator", ""))
    if operator is None:
        raise ValueError(f"{_quoted(str(expression.get('operator', '')))} is not a valid label selector operator")
    return Requirement(expression.get("key", ""), operator, tuple(expression.get("values") or ()))


def _matches_term(term: Mapping[str, Any], labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    expressions, on_fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not on_fields:
        return False
    try:
        return all(_requirement_of(e).matches(labels) for e in expressions) and all(
            _requirement_of(e).matches(fields) for e in on_fields
        )
    except (ValueError, IndexError):
        return False  # a term that cannot be understood selects no node


def _field_terms(text: str) -> list[str]:
    return re.findall(r"(?:[^,\\]|\\.|\\$)*", text, re.DOTALL)


def _unescaped(text: str) -> str:
    result, rest = [], iter(text)
    for character in rest:
        if character == "\\":
            following = next(rest, "")
            if following not in ("\\", ",", "="):
                raise ValueError(f"invalid field selector: invalid escape sequence: \\{following}")
            result.append(following)
        elif character in ",=":
            raise ValueError(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            result.append(character)
    return "".join(result)


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return (kind, literal) of each token; the kind of a word is ``word``, of the end ``end``."""
    tokens, at = [], 0
    while at < len(text):
        start = at
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] in _SYMBOLS:
            # The longest run that is an operator, as "!=" in "!=(": a symbol more that makes none ends it.
            while at < len(text) and text[at] in _SYMBOLS and text[start : at + 1] in _OPERATORS:
                at += 1
            tokens.append((text[start:at], text[start:at]))
        else:
            while at < len(text) and text[at] not in _SYMBOLS and text[at] not in " \t\r\n":
                at += 1
            word = text[start:at]
            tokens.append((word if word in _KEYWORDS else "word", word))
    return [*tokens, ("end", "")]


class _Parser:
    """A recursive descent over the tokens; ``in`` and ``notin`` are words wherever a value may stand."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            kind, literal = self._peek()
            if kind == "end":
                return found
            if kind not in ("word", "!"):
                raise ValueError(f"found '{literal}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from None
            kind, literal = self._next()
            if kind == "end":
                return found
            if kind != ",":
                raise ValueError(f"found '{literal}', expected: ',' or 'end of string'")
            kind, literal = self._peek()
            if kind not in ("word", "!"):
                raise ValueError(f"found '{literal}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        kind, key = self._next()
        absent = kind == "!"
        if absent:
            kind, key = self._next()
        if kind != "word":
            raise ValueError(f"found '{key}', expected: identifier")
        if problems := names.qualified_name_problems(key):
            raise ValueError(f"<nil>: Invalid value: {_quoted(key)}: {'; '.join(problems)}")
        if absent:
            return Requirement(key, "!")
        if self._peek()[0] in ("end", ","):
            return Requirement(key, "exists")
        kind, literal = self._next(keywords=True)
        operator = _BINARY.get(kind)
        if operator is None:
            raise ValueError(f"found '{literal}', expected: {_BINARY_TEXT}")
        values = self._values() if operator in ("in", "notin") else self._exact_value()
        values = tuple(sorted(set(values)))
        if problems := requirement_problems(key, operator, values):
            raise ValueError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
        return Requirement(key, operator, values)

    def _exact_value(self) -> tuple[str, ...]:
        if self._peek()[0] in ("end", ","):
            return ("",)
        kind, literal = self._next()
        if kind != "word":
            raise ValueError(f"found '{literal}', expected: identifier")
        return (literal,)

    def _values(self) -> tuple[str, ...]:
        kind, literal = self._next()
        if kind != "(":
            raise ValueError(f"found '{literal}' expected: '('")
        kind, literal = self._peek()
        if kind not in ("word", ",", ")"):
            raise ValueError(f"found '{literal}', expected: ',', ')' or identifier")
        values: list[str] = []
        expecting = True  # a comma or the closing bracket where a value may stand means an empty value
        while True:
            kind, literal = self._next()
            if kind == "word" and expecting:
                values.append(literal)
                expecting = False
            elif kind in (",", ")"):
                if expecting:
                    values.append("")
                expecting = True
                if kind == ")":
                    return tuple(values)
            elif expecting:
                raise ValueError(f"found '{literal}', expected: ',', or identifier")
            else:
                raise ValueError(f"found '{literal}', expected: ',' or ')'")

    def _peek(self) -> tuple[str, str]:
        kind, literal = self._tokens[self._at]
        return ("word" if kind in _KEYWORDS else kind), literal

    def _next(self, *, keywords: bool = False) -> tuple[str, str]:
        kind, literal = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return ("word" if kind in _KEYWORDS and not keywords else kind), literal


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(values: Sequence[str]) -> str:
    return "[" + ",".join(map(_quoted, values)) + "]"
