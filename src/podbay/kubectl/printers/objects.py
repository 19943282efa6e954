"""Objects as text: YAML, JSON, names, JSONPath, Go templates, custom columns.

Takes an output format and objects; gives text. Fields that the server manages for itself are left out, as kubectl does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from podbay.api.resources import find_kind
from podbay.kubectl.errors import CommandError
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.printers.golang import go_syntax, go_value
from podbay.kubectl.printers.jsonpath import MissingValue, Template, relaxed, values
from podbay.kubectl.printers.shown import Shown

Object = Mapping[str, Any]
Printer = Callable[[Object], str]
_ALLOWED: Final = (
    "go-template", "go-template-file", "json", "jsonpath", "jsonpath-as-json", "jsonpath-file", "name", "template",
    "templatefile", "yaml",
)  # fmt: skip
_OF_GET: Final = ("custom-columns", "custom-columns-file", "wide")
_DEFAULT: Final = Shown(of_get=False)


def printer(output: str, *, show: Shown | None = None) -> Printer:
    """Return what prints an object (or a List) in a format. Raises CommandError for one that is not known."""
    name, _, argument = output.partition("=")
    given = show or _DEFAULT
    match name:
        case "json":
            return lambda obj: _json(_unmanaged(obj, given), given)
        case "yaml":
            return lambda obj: _yaml(_unmanaged(obj, given))
        case "name":
            return lambda obj: "".join(f"{name_of(item)}\n" for item in _items(obj))
        case "jsonpath":
            return _jsonpath(argument, given)
        case "jsonpath-file":
            return _jsonpath(_read(argument, "--template "), given)
        case "jsonpath-as-json":
            return lambda obj: json.dumps(values(relaxed(argument), obj), indent=4) + "\n"
        case "go-template" | "template":
            return _go_template(argument)
        case "go-template-file" | "templatefile":
            return _go_template(_read(argument, "--template "))
        case "custom-columns" if given.of_get:
            return _custom_columns(argument, given)
        case "custom-columns-file" if given.of_get:
            heads, _, paths = _read(argument, "template ").strip().partition("\n")
            pairs = zip(heads.split(), paths.split(), strict=False)
            return _custom_columns(",".join(f"{head}:{path}" for head, path in pairs), given)
    allowed = ",".join(sorted((*_ALLOWED, *_OF_GET) if given.of_get else _ALLOWED))
    raise CommandError(
        f'unable to match a printer suitable for the output format "{output}", allowed formats are: {allowed}'
    )


def name_of(obj: Object) -> str:
    """Return ``pod/x`` or ``lease.coordination.k8s.io/x``."""
    api_version, kind = obj.get("apiVersion", "v1"), obj.get("kind", "")
    resource = find_kind(api_version, kind)
    group = resource.group if resource else api_version.rpartition("/")[0]
    kind = kind.lower()
    name = (obj.get("metadata") or {}).get("name", "<unknown>")
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def _yaml(obj: Object) -> str:
    from podbay.wire import yaml

    return yaml.dump(obj)


def _json(obj: Object, show: Shown) -> str:
    return json.dumps(obj if show.typed else _ordered(obj), indent=4, ensure_ascii=False) + "\n"


def _unmanaged(obj: Object, show: Shown) -> Object:
    if show.managed_fields:
        return obj
    if "items" in obj:
        return {**obj, "items": [_unmanaged(item, show) for item in obj["items"]]}
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


def _jsonpath(template: str, show: Shown) -> Printer:
    if not template:
        raise CommandError("template format specified but no template given")
    parsed = Template(template)

    def print_values(obj: Object) -> str:
        try:
            return parsed.render(obj, allow_missing=show.allow_missing)
        except MissingValue as error:
            raise CommandError(
                f'error executing jsonpath "{template}": Error executing template: {error.message}. Printing more'
                f" information for debugging the template:\n\ttemplate was:\n\t\t{template}\n"
                f"\tobject given to jsonpath engine was:\n\t\t{go_syntax(obj)}\n\n"
            ) from None

    return print_values


def _go_template(text: str) -> Printer:
    from podbay.kubectl.printers.gotemplate import GoTemplate

    if not text:
        raise CommandError("template format specified but no template given")
    parsed = GoTemplate(text)
    return lambda obj: parsed.render(obj)


def _custom_columns(text: str, show: Shown) -> Printer:
    if not text:
        raise CommandError("custom-columns format specified but no custom columns given")
    parts = [part.partition(":") for part in text.split(",")]
    for head, colon, _ in parts:
        if not colon:
            raise CommandError(f"unexpected custom-columns spec: {head}, expected <header>:<json-path-expr>")

    def print_rows(obj: Object) -> str:
        rows = [[head for head, _, _ in parts]] if show.headers else []
        for item in _items(obj):
            row = []
            for _, _, path in parts:
                found = values(relaxed(path), item)
                row.append(",".join(go_value(value) for value in found) if found else "<none>")
            rows.append(row)
        return columns(rows)

    return print_rows


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise CommandError(f"error reading {what}{path}, open {path}: {(error.strerror or '').lower()}") from None
