"""YAML as kubectl reads and writes it: the one door to PyYAML.

Takes text; gives plain data. YAML 1.1 like upstream's parser (``yes`` and ``on`` are booleans), but dates stay
strings, because JSON has none.
Invariant: a dumped document read again is equal. Errors carry line and column.
Source: https://yaml.org/spec/1.1/ and sigs.k8s.io/yaml.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml as pyyaml

_Base: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_BaseDumper: Any = getattr(pyyaml, "CSafeDumper", pyyaml.SafeDumper)


class _Loader(_Base):  # type: ignore[misc]  # the C loader exists only where libyaml was compiled in
    """Safe loading without timestamps, with string keys."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
# YAML 1.2 floats such as 1e3, which upstream's parser takes for numbers too.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Block style; lists flush with their key, as kubectl prints them."""


def _string(dumper: Any, text: str) -> Any:
    if "\n" in text and not any(line.endswith(" ") for line in text.split("\n")) and text[:1] not in (" ", "\n"):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    if _needs_quotes(text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


_LOOKS_OTHERWISE = re.compile(
    r"^(?:[-+]?[0-9][0-9_,.:]*(?:[eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+|[-+]?\.[0-9]+|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN)|~|null|Null|NULL|true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|y|Y|n|N|=|<<|)$"
)


_TIMESTAMP = re.compile(r"^\d{4}-\d\d?-\d\d?(?:[Tt ]|$)")


def _needs_quotes(text: str) -> bool:
    return _LOOKS_OTHERWISE.match(text) is not None or _TIMESTAMP.match(text) is not None


_Dumper.add_representer(str, _string)
_Dumper.ignore_aliases = lambda self, data: True


def load_all(text: str | bytes) -> Iterator[Any]:
    """Yield every document that is not empty. Raises ValueError with line and column."""
    try:
        for document in pyyaml.load_all(text, Loader=_Loader):
            if document is not None:
                yield _with_string_keys(document)
    except pyyaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"error converting YAML to JSON: yaml: {where}{error.problem or error.context}") from None
    except pyyaml.YAMLError as error:
        raise ValueError(f"error converting YAML to JSON: yaml: {error}") from None


def dump(value: Any) -> str:
    """Return one document in block style with sorted keys, as ``-o yaml`` shows it."""
    text: str = pyyaml.dump(
        value, Dumper=_Dumper, default_flow_style=False, sort_keys=True, width=1 << 20, allow_unicode=True
    )
    return text


def _with_string_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _with_string_keys(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_with_string_keys(child) for child in value]
    return value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    return str(key)
