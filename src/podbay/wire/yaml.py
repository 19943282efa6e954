"""YAML as kubectl reads and writes it: the one door to PyYAML.

Takes text; gives plain data. Which plain words are no strings, upstream's parser decides, and it follows neither
YAML 1.1 nor 1.2: ``y`` and ``off`` are booleans, ``1e3`` is a number, ``10:20`` and dates are strings. That rule is
``_resolved`` alone, for reading (what is it?) and for writing (does it need quotes?).
Invariant: a dumped document read again is equal. Errors carry line and column.
Source: sigs.k8s.io/yaml, which is go-yaml version 2 in front of encoding/json.
"""

import contextlib
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml as pyyaml

_Base: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_BaseDumper: Any = getattr(pyyaml, "CSafeDumper", pyyaml.SafeDumper)

_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([0-9]+))")
_TIMESTAMP: Final = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:[Tt]\d\d?:\d\d?:\d\d?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)| \d\d?:\d\d?:\d\d?(?:\.\d+)?)?"
)
_SIXTY: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TAG: Final = "tag:yaml.org,2002:"
_LARGEST: Final = 1e21  # from here on encoding/json writes an exponent, which is no integer any more


def _resolved(text: str) -> Any:
    """Return what a plain scalar means: a number, a boolean, None, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        return _float(text)
    if text[0] not in "+-0123456789" or _TIMESTAMP.fullmatch(text):
        return text
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match is None or ((match[5] or "").startswith("0") and len(match[5]) > 1):
        return _float(plain, otherwise=text)
    digits = next((digits, base) for digits, base in zip(match.groups()[1:], (16, 2, 8, 10), strict=True) if digits)
    value = int(*digits) * (-1 if match[1] == "-" else 1)
    return value if -(1 << 63) <= value < 1 << 64 else float(value)


def _float(text: str, *, otherwise: str = "") -> Any:
    if _FLOAT.fullmatch(text) is None or math.isinf(value := float(text)):
        return otherwise or text
    return int(value) if value.is_integer() and abs(value) < _LARGEST else value


class _Loader(_Base):  # type: ignore[misc]  # the C loader exists only where libyaml was compiled in
    """Safe loading by upstream's rule for plain scalars. ``repeated`` is the line of each key that is there again."""

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self.repeated: list[tuple[int, str]] = []

    def resolve(self, kind: Any, value: str, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        if kind is pyyaml.ScalarNode and implicit[0] and value == "<<":
            return f"{_TAG}merge"
        return _tag(kind, value, implicit)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # PyYAML's
        """Return an object; its keys become strings before they could be taken for one another (1 and true)."""
        said: set[str] = set()
        for key, _ in node.value:
            if key.tag != f"{_TAG}merge":
                name = _key(self.construct_object(key, deep=True))
                if name in said:
                    self.repeated.append((key.start_mark.line + 1, name))
                said.add(name)
        self.flatten_mapping(node)
        return {_key(self.construct_object(k, deep=True)): self.construct_object(v, deep=deep) for k, v in node.value}


def _tag(kind: Any, value: str, implicit: Any) -> str:
    if kind is not pyyaml.ScalarNode:
        return _TAG + ("seq" if kind is pyyaml.SequenceNode else "map")
    found = _resolved(value) if implicit[0] else value
    return _TAG + {bool: "bool", int: "int", float: "float", str: "str"}.get(type(found), "null")


def _construct(loader: Any, node: Any) -> Any:
    value = _resolved(loader.construct_scalar(node))
    if isinstance(value, float) and not math.isfinite(value):
        word = "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
        raise pyyaml.YAMLError(f"json: unsupported value: {word}")
    return value


for _name in ("bool", "int", "float", "null"):
    _Loader.add_constructor(_TAG + _name, _construct)
for _name in ("timestamp", "merge"):  # a merge that is no key is a word like any other
    _Loader.add_constructor(_TAG + _name, lambda loader, node: loader.construct_scalar(node))


class _Dumper(_BaseDumper):  # type: ignore[misc]  # as _Loader
    """Block style; lists flush with their key, as kubectl prints them."""


def _string(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"  # the emitter itself falls back to quotes where a block cannot hold the text
    elif text not in ("<<", "=") and (
        not isinstance(_resolved(text), str) or _TIMESTAMP.fullmatch(text) or _SIXTY.fullmatch(text)
    ):
        style = '"'
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


def _number(dumper: Any, value: float) -> Any:
    whole = value.is_integer() and abs(value) < _LARGEST
    return dumper.represent_scalar(f"{_TAG}{'int' if whole else 'float'}", str(int(value)) if whole else repr(value))


_Dumper.add_representer(str, _string)
_Dumper.add_representer(float, _number)
_Dumper.ignore_aliases = lambda self, data: True
_Dumper.resolve = lambda self, kind, value, implicit: _tag(kind, value, implicit)


def load_all(text: str | bytes) -> Iterator[Any]:
    """Yield every document that is not empty. Raises ValueError with line and column."""
    with _told():
        for document in pyyaml.load_all(text, Loader=_Loader):
            if document is not None:
                yield document


def load_with_duplicates(text: bytes) -> tuple[Any, list[str]]:
    """Return the first document, and what it says twice, in one message as upstream tells it. Raises ValueError."""
    with _told():
        loader = _Loader(text)
        try:
            value = loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    again = [f'\n  line {line}: key "{name}" already set in map' for line, name in sorted(loader.repeated)]
    return value, [f"yaml: unmarshal errors:{''.join(again)}"] if again else []


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except pyyaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"yaml: line {mark.line + 1}, column {mark.column + 1}: " if mark else "yaml: "
        raise ValueError(f"error converting YAML to JSON: {where}{error.problem or error.context}") from None
    except pyyaml.YAMLError as error:
        prefix = "" if str(error).startswith("json:") else "yaml: "
        raise ValueError(f"error converting YAML to JSON: {prefix}{error}") from None


def dump(value: Any) -> str:
    """Return one document in block style with sorted keys, as ``-o yaml`` shows it."""
    text: str = pyyaml.dump(value, Dumper=_Dumper, default_flow_style=False, sort_keys=True, allow_unicode=True)
    return text[:-4] if text.endswith("\n...\n") else text  # libyaml's mark after an open end; go-yaml writes none


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    return str(key)
