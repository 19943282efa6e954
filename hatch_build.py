"""Builds the schema artefact into the package: the definitions of the served kinds, from a published schema package.

Runs in every build, also an editable one. Gives two files to ``podbay.api.schema``: ``structure.json`` (types, merge
keys, list types; what the server needs always) and ``described.json`` (the same definitions with upstream's
descriptions, as OpenAPI v3 wants them; read when a client asks for OpenAPI). Neither is in the repository.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MINOR = "v1.33.0"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
ALSO = ("DeleteOptions", "Status", "APIResourceList", "APIGroupList", "APIVersions", "APIGroup", "WatchEvent", "Patch")
API = "io.k8s.api."
CORE = f"{API}core.v1."


class SchemaHook(BuildHookInterface):
    """Writes the artefact and tells the builder to take it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write ``data/`` and add it to the wheel."""
        target = Path(self.root, "src", "podbay", "api", "schema", "data")
        write(Path(self.root, "src"), target)
        build_data["artifacts"].append("src/podbay/api/schema/data/*.json")


def write(source: Path, target: Path) -> None:
    """Read the published definitions and write both files into ``target``."""
    package = importlib.util.find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        raise RuntimeError("the build needs the package kubernetes-validate")
    root = Path(package.origin).parent / "kubernetes-json-schema" / f"{MINOR}-local" / "_definitions.json"
    published = json.loads(root.read_text("utf-8"))["$defs"]
    sys.path.insert(0, str(source))
    from podbay.api.resources import RESOURCES

    wanted = {(r.group, r.version, r.kind) for r in RESOURCES}
    wanted |= {(sub.group, sub.version, sub.kind) for r in RESOURCES for sub in r.subresources if sub.group}
    roots = [META + name for name in ALSO]
    for name, definition in published.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            kind = gvk["kind"].removesuffix("List")
            if (gvk["group"], gvk["version"], kind) in wanted and not name.startswith(META):
                roots.append(name)
    names = closure(published, roots)
    described = {name: openapi(published[name]) for name in sorted(names)}
    enumerate_values(described, source / "podbay" / "api" / "schema" / "enums.txt")
    target.mkdir(parents=True, exist_ok=True)
    put(target / "described.json", described)
    put(target / "structure.json", {name: structure(definition) for name, definition in described.items()})


def closure(definitions: dict[str, Any], roots: list[str]) -> set[str]:
    """Return the names that the roots reach by references."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(references(definitions[name]))
    return found


def references(value: Any) -> list[str]:
    """Return the names of definitions that a schema refers to."""
    if isinstance(value, dict):
        own = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        return own + [name for child in value.values() for name in references(child)]
    if isinstance(value, list):
        return [name for child in value for name in references(child)]
    return []


def openapi(schema: Any) -> Any:
    """Return a published schema as OpenAPI v3 writes it."""
    if isinstance(schema, list):
        return [openapi(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, list):
            found[key] = next(name for name in value if name != "null")
        elif key == "properties":
            found[key] = {name: field(name, child) for name, child in value.items()}
        elif key == "$ref":
            found[key] = "#/components/schemas/" + value.rpartition("/")[2]
        else:
            found[key] = openapi(value)
    if "$ref" in found and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    if "oneOf" in found:
        kinds = {part.get("type") for part in found["oneOf"]}
        if kinds == {"string", "integer"}:
            found["format"] = "int-or-string"
    return found


def field(name: str, schema: Any) -> Any:
    """Return one property; apiVersion and kind lose the enumeration that the published form adds."""
    found = openapi(schema)
    if name in ("apiVersion", "kind") and isinstance(found, dict):
        found.pop("enum", None)
    return found


def enumerate_values(definitions: dict[str, Any], table: Path) -> None:
    """Add the values that a field can have, which the published form leaves out and a server tells.

    A line of the table: ``Definition.field ... = value ...``; a definition that names no group is one of core/v1.
    """
    for line in table.read_text("ascii").splitlines():
        fields, values = (part.split() for part in line.split(" = ", 1))
        known = ["" if value == '""' else value for value in values]
        for entry in fields:
            owner, _, name = entry.rpartition(".")
            told = definitions[(API if "." in owner else CORE) + owner]["properties"][name]
            listed = "\n".join(f' - `"{value}"`' for value in known)
            told["description"] = f"{told['description']}\n\nPossible enum values:\n{listed}"
            (told["items"] if told["type"] == "array" else told)["enum"] = known


def structure(schema: Any) -> Any:
    """Return a schema without its descriptions."""
    if isinstance(schema, list):
        return [structure(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: structure(child) for name, child in value.items()}
        elif key != "description" or not isinstance(value, str):
            found[key] = structure(value)
    return found


def put(path: Path, value: Any) -> None:
    """Write compact JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False), "utf-8")
    partial.replace(path)
