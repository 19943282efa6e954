"""Objects as text: YAML, JSON, names, JSONPath, custom columns.

Takes an output format and objects; gives text. Fields that the server manages for itself are left out, as kubectl does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from podbay.api.resources import find_kind
from podbay.kubectl.errors import CommandError
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.printers.jsonpath import Template, relaxed, text_of, values

Object = Mapping[str, Any]
Printer = Callable[[Object], str]
_ALLOWED: Final = (
    "custom-columns", "custom-columns-file", "json", "jsonpath", "jsonpath-as-json", "jsonpath-file", "name", "wide",
    "yaml",
)  # fmt: skip


def printer(output: str) -> Printer:
    """Return what prints an object (or a List) in a format. Raises CommandError for one that is not known."""
    name, _, argument = output.partition("=")
    match name:
        case "json":
            return lambda obj: json.dumps(_ordered(_unmanaged(obj)), indent=4, ensure_ascii=False) + "\n"
        case "yaml":
            return _yaml
        case "name":
            return lambda obj: "".join(f"{name_of(item)}\n" for item in _items(obj))
        case "jsonpath":
            return _jsonpath(argument)
        case "jsonpath-file":
            return _jsonpath(_read(argument))
        case "jsonpath-as-json":
            return lambda obj: json.dumps(values(relaxed(argument), obj), indent=4) + "\n"
        case "custom-columns":
            return _custom_columns(argument)
        case "custom-columns-file":
            heads, _, paths = _read(argument).strip().partition("\n")
            pairs = zip(heads.split(), paths.split(), strict=False)
            return _custom_columns(",".join(f"{head}:{path}" for head, path in pairs))
    allowed = ",".join(_ALLOWED)
    raise CommandError(
        f'unable to match a printer suitable for the output format "{output}", allowed formats are: {allowed}'
    )


def name_of(obj: Object) -> str:
    """Return ``pod/x`` or ``lease.coordination.k8s.io/x``."""
    api_version, kind = obj.get("apiVersion", "v1"), obj.get("kind", "")
    resource = find_kind(api_version, kind)
    group = resource.group if resource else api_version.rpartition("/")[0]
    kind = kind.lower()
    return f"{kind}.{group}/{obj['metadata']['name']}" if group else f"{kind}/{obj['metadata']['name']}"


def _yaml(obj: Object) -> str:
    from podbay.wire import yaml

    return yaml.dump(_unmanaged(obj))


def _unmanaged(obj: Object) -> Object:
    if "items" in obj:
        return {**obj, "items": [_unmanaged(item) for item in obj["items"]]}
    metadata = obj.get("metadata")
    if isinstance(metadata, Mapping) and "managedFields" in metadata:
        return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
    return obj


def _ordered(obj: Any) -> Any:
    """Return the object as kubectl orders JSON: by key, with apiVersion and kind where the alphabet puts them."""
    if isinstance(obj, Mapping):
        return {key: _ordered(obj[key]) for key in sorted(obj)}
    if isinstance(obj, list):
        return [_ordered(item) for item in obj]
    return obj


def _items(obj: Object) -> Sequence[Object]:
    return obj["items"] if str(obj.get("kind", "")).endswith("List") and "items" in obj else [obj]


def _jsonpath(template: str) -> Printer:
    if not template:
        raise CommandError("template format specified but no template given")
    parsed = Template(template)
    return lambda obj: parsed.render(obj)


def _custom_columns(text: str) -> Printer:
    if not text:
        raise CommandError("custom-columns format specified but no custom columns given")
    parts = [part.partition(":") for part in text.split(",")]
    for head, colon, _ in parts:
        if not colon:
            raise CommandError(f"unexpected custom-columns spec: {head}, expected <header>:<json-path-expr>")

    def print_rows(obj: Object) -> str:
        rows = [[head for head, _, _ in parts]]
        for item in _items(obj):
            row = []
            for _, _, path in parts:
                found = values(relaxed(path), item)
                row.append(",".join(text_of(value) for value in found) if found else "<none>")
            rows.append(row)
        return columns(rows)

    return print_rows


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise CommandError(f"error reading --template {path}, {error.strerror}") from None
