"""``explain``: what the fields of a resource mean, from the server's OpenAPI.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_explain/
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from podbay.api.resources import RESOURCES, Resource
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.session import Object, Session, find_resource
from podbay.wire import json

FLAGS: Final = (
    Flag(name="recursive", kind="bool", default=False),
    Flag(name="api-version", default=""),
    Flag(name="output", short="o", default="plaintext"),
)
_WIDTH: Final = 80
_MOST_CHOICES: Final = 4  # how many values of an enumeration a list of fields shows


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if len(flags.words) != 1:
        raise CommandError(
            'You must specify the type of resource to explain. Use "podbay api-resources" for a complete list of'
            " supported resources."
            if not flags.words
            else "We accept only this format: explain RESOURCE"
        )
    if flags["output"] not in ("plaintext", "plaintext-openapiv2"):
        raise CommandError(f"unrecognized format: {flags['output']}")
    if flags["output"] != "plaintext":
        raise CommandError("podbay explains by OpenAPI version 3 only: leave --output out")
    try:
        resource, fields = _named(flags.words[0].rstrip("."))
    except CommandError as error:
        sys.stderr.write(error.message + "\n")
        return 1
    resource = _in_version(resource, flags["api-version"])
    session = Session(flags)
    prefix = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
    document = json.decode(session.send("GET", f"/openapi/v3/{prefix}"))
    sys.stdout.write(explain(document, resource, fields, recursive=flags["recursive"]))
    return 0


def _named(word: str) -> tuple[Resource, list[str]]:
    """Return the resource and the fields of ``pod.spec`` or ``leases.coordination.k8s.io``. Raises CommandError."""
    kind, *fields = word.split(".")
    resource = find_resource(kind)
    for other in RESOURCES:
        group = other.group.split(".")
        if other.plural == resource.plural and other.group and fields[: len(group)] == group:
            return other, fields[len(group) :]
    return resource, fields


def _in_version(resource: Resource, version: str) -> Resource:
    """Return the resource in the version that ``--api-version`` names. Raises CommandError."""
    if not version:
        return resource
    for other in RESOURCES:
        if other.plural == resource.plural and other.api_version == version:
            return other
    group, _, name = version.rpartition("/")
    raise CommandError(f'couldn\'t find resource for "{group}/{name}, Resource={resource.plural}"')


def explain(document: Object, resource: Resource, fields: list[str], *, recursive: bool) -> str:
    """Return the text that explains a resource or one of its fields. Raises CommandError."""
    schemas: dict[str, Any] = document["components"]["schemas"]
    schema = next((s for s in schemas.values() if _is_kind(s, resource)), None)
    if schema is None:
        raise CommandError(
            f"GVR ({resource.group}/{resource.version}, Resource={resource.plural}) not found in OpenAPI schema"
        )
    own: Object = schema
    target: Object = schema
    for field in fields:
        properties = _object_of(target, schemas).get("properties") or {}
        if field not in properties:
            sys.stdout.write(_heading(resource))
            sys.stdout.flush()
            raise CommandError(f'field "{field}" does not exist')
        target = properties[field]
        own = target
    inner = _object_of(target, schemas)
    lines: list[str] = []
    if fields:
        lines += [f"FIELD: {fields[-1]} <{type_of(own, schemas)}>"]
        lines += _enumeration(own, inner) or [""]
    lines += ["", "DESCRIPTION:"] if fields else ["DESCRIPTION:"]
    told = own.get("description", "")
    texts = [text for text in dict.fromkeys((told, inner.get("description", "") if inner is not own else "")) if text]
    for text in texts or ["<empty>"]:
        lines += ["    " + line for line in wrap(text)]
    lines.append("    ")
    properties = inner.get("properties") or {}
    if properties:
        lines.append("FIELDS:")
        lines += _fields(inner, schemas, level=1, recursive=recursive, seen=())
    lines.append("")
    return _heading(resource) + "\n".join(lines) + "\n"


def _heading(resource: Resource) -> str:
    group = f"GROUP:      {resource.group}\n" if resource.group else ""
    return f"{group}KIND:       {resource.kind}\nVERSION:    {resource.version}\n\n"


def _is_kind(schema: Object, resource: Resource) -> bool:
    wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return wanted in (schema.get("x-kubernetes-group-version-kind") or ())


def _fields(schema: Object, schemas: Object, *, level: int, recursive: bool, seen: tuple[str, ...]) -> Iterator[str]:
    indent = "  " * level
    required = set(schema.get("required") or ())
    for name, field in sorted((schema.get("properties") or {}).items()):
        told = f"{indent}{name}\t<{type_of(field, schemas)}>"
        if name in required:
            told += " -required-"
        yield told
        inner = _object_of(field, schemas)
        if recursive:
            choices = _choices(field, inner)
            if choices:
                yield _enum_line(indent, choices)
            key = _reference(field) or _reference(field.get("items") or {})
            if inner.get("properties") and key not in seen:
                yield from _fields(inner, schemas, level=level + 1, recursive=True, seen=(*seen, key))
        else:
            choices = _choices(field, inner)
            if choices:
                yield _enum_line(indent, choices)
            text = field.get("description") or inner.get("description") or "<no description>"
            yield from (f"{indent}  {line}" for line in wrap(text))
            yield ""


def _choices(field: Object, inner: Object) -> Sequence[Any]:
    """Return the values that a field may have; what the items of a list may be is not told here."""
    found: Sequence[Any] = () if field.get("type") == "array" else inner.get("enum") or field.get("enum") or ()
    return found


def _enum_line(indent: str, choices: Sequence[Any]) -> str:
    shown = [str(choice) or '""' for choice in choices[:_MOST_CHOICES]]
    return f"{indent}enum: {', '.join(shown)}{', ....' if len(choices) > _MOST_CHOICES else ''}"


def _enumeration(own: Object, schema: Object) -> list[str]:
    choices = () if own.get("type") == "array" else schema.get("enum") or ()
    return ["ENUM:", *(f"    {choice}" for choice in choices)] if choices else []


def _object_of(schema: Object, schemas: Object) -> Object:
    """Return the definition behind a field: through references, lists and maps."""
    reference = _reference(schema)
    if reference:
        return _object_of(schemas[reference], schemas)
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return _object_of(schema["items"], schemas)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return _object_of(values, schemas)
    return schema


def type_of(schema: Object, schemas: Object) -> str:
    """Return a field's type as explain writes it: ``string``, ``[]Container``, ``map[string]Quantity``."""
    reference = _reference(schema)
    if reference:
        target = schemas[reference]
        if target.get("properties") or not target.get("type") or target.get("type") == "object":
            return reference.rpartition(".")[2]
        return _simple(target, reference)
    if schema.get("type") == "array":
        return "[]" + type_of(schema.get("items") or {}, schemas)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return "map[string]" + type_of(values, schemas)
    return _simple(schema, "")


def _simple(schema: Object, reference: str) -> str:
    if reference:
        name = reference.rpartition(".")[2]
        return {"Time": "string", "MicroTime": "string"}.get(name, name)
    if schema.get("type"):
        return {"object": "Object"}.get(schema["type"], str(schema["type"]))
    return "Object"


def _reference(schema: Object) -> str:
    found = schema.get("$ref") or ((schema.get("allOf") or [{}])[0].get("$ref") or "")
    return str(found).rpartition("/")[2]


def wrap(text: str, width: int = _WIDTH - 4) -> list[str]:
    """Return a description in lines: paragraphs kept, words moved."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        if not paragraph:
            lines.append("")
            continue
        current, *words = paragraph.split(" ")
        broken = False
        for word in words:
            if current and len(current) + 1 + len(word) > width:
                lines.append(current.rstrip())
                current, broken = word, True
            elif broken and not current:
                current = word  # spaces where a line was broken are gone
            else:
                current = f"{current} {word}"
        lines.append(current.rstrip())
    return lines
