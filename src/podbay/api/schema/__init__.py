"""The shape of every served kind: fields, their types, and how lists of them merge.

Takes the artefact that the build wrote (``data/structure.json``), and what OpenAPI does not tell: ``go_types.txt``, a
line for each definition with the fields whose Go type is not what OpenAPI lets expect: ``*`` a pointer (zero is kept),
``=`` a struct by value (an absent one is written ``{}``), ``!`` a value that is written even when it is empty; then the
type's name if it has one of its own. Gives definitions to strict decoding, patches, OpenAPI and ``explain``.
Pure, read once, never changed.
Source: the OpenAPI definitions and the Go types of Kubernetes 1.33.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_SPECIAL: Final = {
    _QUANTITY: "quantity",
    _INT_OR_STRING: "int-or-string",
    f"{META}Time": "time",
    f"{META}MicroTime": "micro-time",
    f"{META}FieldsV1": "any",
    f"{META}Patch": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}
_GO_SPECIAL: Final = {
    "quantity": "resource.Quantity",
    "int-or-string": "intstr.IntOrString",
    "time": "v1.Time",
    "micro-time": "v1.MicroTime",
}


@dataclass(frozen=True)
class FieldSchema:
    """One field, list item or map value. ``type`` is OpenAPI's, ``map``, or a special such as ``quantity``."""

    type: str
    schema: Mapping[str, Any]
    go: str = ""

    @property
    def is_pointer(self) -> bool:
        """Tell whether Go can hold absent and zero apart, so that a zero is kept."""
        return self.go.startswith("*")

    @property
    def is_by_value(self) -> bool:
        """Tell whether Go holds a struct itself, so that an absent one is written empty."""
        return self.go.startswith("=") and self.type == "object"

    @property
    def is_always_written(self) -> bool:
        """Tell whether Go writes an empty value too, though the field is not required."""
        return self.go.startswith("!")

    @cached_property
    def definition(self) -> "Definition | None":
        """Return the definition of an object field."""
        name = _reference(self.schema)
        return _definition(name) if name and self.type == "object" else None

    @cached_property
    def items(self) -> "FieldSchema | None":
        """Return the schema of a list's items or a map's values."""
        inner = self.schema.get("items") if self.type == "array" else self.schema.get("additionalProperties")
        return _field(inner) if isinstance(inner, Mapping) else None

    @property
    def go_type(self) -> str:
        """Return the type's name in Go, as decoding errors say it."""
        if named := self.go.lstrip("*=!"):
            return named
        if self.type == "array":
            return f"[]{self.items.go_type if self.items else 'interface {}'}"
        if self.type == "map":
            return f"map[string]{self.items.go_type if self.items else 'interface {}'}"
        if self.definition is not None:
            return f"{self.definition.go_package}.{self.definition.go_name}"
        formats = {"int32": "int32", "int64": "int64", "byte": "[]uint8"}
        simple = {"string": "string", "boolean": "bool", "integer": "int64", "number": "float64"}
        return formats.get(str(self.schema.get("format")), simple.get(self.type, _GO_SPECIAL.get(self.type, self.type)))

    @property
    def patch_strategies(self) -> tuple[str, ...]:
        """Return ``merge``, ``retainKeys``, both or none."""
        return tuple(filter(None, str(self.schema.get("x-kubernetes-patch-strategy", "")).split(",")))

    @property
    def patch_merge_key(self) -> str:
        """Return the field by which items of a merged list are told apart; empty for lists of scalars."""
        return str(self.schema.get("x-kubernetes-patch-merge-key", ""))

    @property
    def list_type(self) -> str:
        """Return ``atomic``, ``set`` or ``map``."""
        return str(self.schema.get("x-kubernetes-list-type", ""))

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """Return the keys of a list of type ``map``."""
        return tuple(self.schema.get("x-kubernetes-list-map-keys", ()))


@dataclass(frozen=True)
class Definition:
    """One object type by its OpenAPI name."""

    name: str
    schema: Mapping[str, Any]

    @cached_property
    def fields(self) -> dict[str, FieldSchema]:
        """Return the fields by name."""
        go = _go_types().get(self.name, {})
        return {name: _field(child, go.get(name, "")) for name, child in self.schema.get("properties", {}).items()}

    @cached_property
    def by_value(self) -> "tuple[tuple[str, Definition], ...]":
        """Return the fields that are structs by value: Go writes them though nobody set them."""
        return tuple((n, f.definition) for n, f in self.fields.items() if f.is_by_value and f.definition is not None)

    @cached_property
    def always_written(self) -> tuple[str, ...]:
        """Return the text fields that Go writes though they are empty and not required."""
        return tuple(n for n, f in self.fields.items() if f.is_always_written and f.type == "string")

    def field(self, name: str) -> FieldSchema | None:
        """Return one field, or None."""
        return self.fields.get(name)

    @cached_property
    def required(self) -> frozenset[str]:
        """Return the names of the fields that are always written."""
        return frozenset(self.schema.get("required", ()))

    @property
    def go_name(self) -> str:
        """Return the Go struct's name."""
        return self.name.rpartition(".")[2]

    @property
    def go_package(self) -> str:
        """Return the Go package's name."""
        return self.name.split(".")[-2]


class UnknownKind(KeyError):
    """No definition for this apiVersion and kind."""


def definition(api_version: str, kind: str) -> Definition:
    """Return the definition of a kind. Raises UnknownKind."""
    group, _, version = api_version.rpartition("/")
    name = _kinds().get((group, version, kind))
    if name is None:
        raise UnknownKind(f"{api_version} {kind}")
    return _definition(name)


def kinds() -> Mapping[tuple[str, str, str], str]:
    """Return every (group, version, kind) with the name of its definition."""
    return _kinds()


@cache
def structures() -> Mapping[str, Any]:
    """Return all definitions, without descriptions, as OpenAPI v3 schemas."""
    return _load("structure.json")


def described() -> Mapping[str, Any]:
    """Return all definitions with descriptions; read anew each time, because it is large and seldom needed."""
    return _load("described.json")


def _load(name: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(files(__name__).joinpath("data", name).read_bytes())
    return loaded


@cache
def _kinds() -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name, schema in structures().items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            found[(gvk["group"], gvk["version"], gvk["kind"])] = name
    return found


@cache
def _definition(name: str) -> Definition:
    return Definition(name, structures()[name])


def _reference(schema: Mapping[str, Any]) -> str:
    reference = schema.get("$ref") or (schema["allOf"][0].get("$ref") if schema.get("allOf") else "")
    return str(reference).rpartition("/")[2]


@cache
def _go_types() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in files(__name__).joinpath("go_types.txt").read_text("ascii").splitlines():
        name, *entries = line.split(" ")
        prefix = "io.k8s.apimachinery.pkg.apis." if name.startswith("meta.") else "io.k8s.api."
        found[prefix + name] = dict(entry.split(":", 1) for entry in entries)
    return found


def _field(schema: Mapping[str, Any], go: str = "") -> FieldSchema:
    name = _reference(schema)
    if name:
        return FieldSchema(_SPECIAL.get(name, "object"), schema, go)
    declared = schema.get("type")
    if declared == "object":
        return FieldSchema("map" if "additionalProperties" in schema else "any", schema, go)
    if "oneOf" in schema:
        return FieldSchema("int-or-string" if schema.get("format") == "int-or-string" else "quantity", schema, go)
    return FieldSchema(str(declared) if declared else "any", schema, go)
