"""Selectors: over labels (equality and sets), over fields, and of nodes. Parsed once, then asked often.

Pure. Takes a query parameter's text or a selector object; gives something that matches.
Errors are ValueError with upstream's message.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.names import label_value_problems, qualified_name_problems

_TOKEN: Final = re.compile(r"\s*(==|!=|=|<|>|!|,|\(|\)|[^\s=!,()<>]+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a key. Operators: ``in``, ``notin``, ``exists``, ``!``, ``gt``, ``lt``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet the condition."""
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return _compares(self.operator, value, self.values)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that must all hold; none at all matches everything."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tell whether an object with these labels is selected."""
        return not self.nothing and all(r.matches(labels or {}) for r in self.requirements)

    def __bool__(self) -> bool:
        return self.nothing or bool(self.requirements)

    @classmethod
    def of_object(cls, selector: Mapping[str, Any] | None) -> "LabelSelector":
        """Return the selector of a ``metav1.LabelSelector``: null selects nothing, empty everything."""
        if selector is None:
            return cls(nothing=True)
        operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
        found = [Requirement(k, "in", frozenset([v])) for k, v in (selector.get("matchLabels") or {}).items()]
        for expression in selector.get("matchExpressions") or ():
            name = expression.get("operator", "")
            if name not in operators:
                raise ValueError(f'"{name}" is not a valid label selector operator')
            found.append(Requirement(expression["key"], operators[name], frozenset(expression.get("values") or ())))
        return cls(tuple(found))


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Pairs of field and value that must be equal or differ."""

    requirements: tuple[tuple[str, str, str], ...] = ()  # (field, "=" or "!=", value)

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Tell whether an object with these field values is selected."""
        return all((fields.get(name, "") == value) == (op == "=") for name, op, value in self.requirements)

    def required(self, field: str) -> str | None:
        """Return the value that a field must have, if the selector names one."""
        return next((value for name, op, value in self.requirements if name == field and op == "="), None)

    def __bool__(self) -> bool:
        return bool(self.requirements)


def parse_label_selector(text: str) -> LabelSelector:
    """Return the selector of ``a=b,c in (d,e),!f``. ValueError as upstream words it."""
    tokens = _tokens(text)
    if not tokens:
        return LabelSelector()
    requirements: list[Requirement] = []
    position = 0
    while True:
        requirement, position = _requirement(tokens, position, text)
        requirements.append(requirement)
        if position == len(tokens):
            return LabelSelector(tuple(requirements))
        if tokens[position] != ",":
            raise ValueError(
                f"unable to parse requirement: found '{tokens[position]}', expected: ',' or 'end of string'"
            )
        position += 1
        if position == len(tokens):
            raise ValueError("unable to parse requirement: found '', expected: identifier after ','")


def parse_field_selector(text: str) -> FieldSelector:
    """Return the selector of ``metadata.name=x,status.phase!=Running``; backslash escapes ``,``, ``=`` and itself."""
    found = []
    for term in _split_fields(text):
        if not term:
            continue
        match = re.match(r"((?:[^\\=!]|\\.|!(?!=))*?)(==|!=|=)(.*)", term, re.DOTALL)
        if match is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{term}'")
        found.append((match[1].strip(), "!=" if match[2] == "!=" else "=", re.sub(r"\\(.)", r"\1", match[3])))
    return FieldSelector(tuple(found))


def matches_node_selector_terms(
    terms: Iterable[Mapping[str, Any]], labels: Mapping[str, str], fields: Mapping[str, str]
) -> bool:
    """Tell whether any term of a node selector holds; a term that is empty matches no node."""
    return any(_matches_term(term, labels, fields) for term in terms)


def _matches_term(term: Mapping[str, Any], labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    expressions: Sequence[Mapping[str, Any]] = term.get("matchExpressions") or ()
    field_expressions: Sequence[Mapping[str, Any]] = term.get("matchFields") or ()
    if not expressions and not field_expressions:
        return False
    return all(_node_requirement(e).matches(labels) for e in expressions) and all(
        _node_requirement(e).matches(fields) for e in field_expressions
    )


def _node_requirement(expression: Mapping[str, Any]) -> Requirement:
    operator = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}
    return Requirement(expression["key"], operator[expression["operator"]], frozenset(expression.get("values") or ()))


def _compares(operator: str, value: str | None, values: frozenset[str]) -> bool:
    try:
        number, bound = int(value or ""), int(next(iter(values), ""))
    except ValueError:
        return False
    return number > bound if operator == "gt" else number < bound


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        found.append(match[1])
        position = match.end()
    return found


def _requirement(tokens: list[str], position: int, text: str) -> tuple[Requirement, int]:
    absent = tokens[position] == "!"
    position += absent
    key = tokens[position] if position < len(tokens) else ""
    if not key or key in ("=", "==", "!=", ",", "(", ")", "<", ">", "!"):
        raise ValueError(f"unable to parse requirement: found '{key}', expected: identifier")
    _check(qualified_name_problems(key), "key", key)
    position += 1
    following = tokens[position] if position < len(tokens) else ","
    if absent:
        return Requirement(key, "!"), position
    if following == ",":
        return Requirement(key, "exists"), position
    if following in ("=", "==", "!=", "<", ">"):
        value = tokens[position + 1] if position + 1 < len(tokens) else ","
        empty = value == ","
        if not empty and value in ("=", "==", "!=", "(", ")", "<", ">", "!"):
            raise ValueError(f"unable to parse requirement: found '{value}', expected: identifier")
        value = "" if empty else value
        _check(label_value_problems(value), f"values[0][{key}]", value)
        operator = {"=": "in", "==": "in", "!=": "notin", "<": "lt", ">": "gt"}[following]
        return Requirement(key, operator, frozenset([value])), position + 1 + (not empty)
    if following in ("in", "notin"):
        values, position = _values(tokens, position + 1, key)
        return Requirement(key, following, values), position
    raise ValueError(
        f"unable to parse requirement: found '{following}', expected: in, notin, =, ==, !=, gt, lt"
        if following not in ("(", ")", "!")
        else f"unable to parse requirement: found '{following}', expected: ',' or 'end of string'"
    )


def _values(tokens: list[str], position: int, key: str) -> tuple[frozenset[str], int]:
    if position >= len(tokens) or tokens[position] != "(":
        found = tokens[position] if position < len(tokens) else ""
        raise ValueError(f"unable to parse requirement: found '{found}', expected: '('")
    values: set[str] = set()
    expects_value = True
    position += 1
    while position < len(tokens) and tokens[position] != ")":
        token = tokens[position]
        if token == ",":
            if expects_value:
                values.add("")
            expects_value = True
        else:
            _check(label_value_problems(token), f"values[0][{key}]", token)
            values.add(token)
            expects_value = False
        position += 1
    if position >= len(tokens):
        raise ValueError("unable to parse requirement: found '', expected: ',' or ')'")
    if expects_value:
        values.add("")
    return frozenset(values), position + 1


def _check(problems: Sequence[str], field: str, value: str) -> None:
    if problems:
        raise ValueError(f'unable to parse requirement: {field}: Invalid value: "{value}": {"; ".join(problems)}')


def _split_fields(text: str) -> list[str]:
    terms, current, escaped = [], "", False
    for char in text:
        if escaped or char != ",":
            current += char
        else:
            terms.append(current)
            current = ""
        escaped = char == "\\" and not escaped
    return [*terms, current]
