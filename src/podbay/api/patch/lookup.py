"""How each field merges: the schema as strategic patches read it.

Takes a kind's definition; gives, for a field, the strategy, the merge key and the schema below it.
Invariant: what has no schema merges like a plain map and is replaced like a plain list.
Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from dataclasses import dataclass
from typing import Final

from podbay.api.schema import Definition, FieldSchema

RETAIN_KEYS: Final = "retainKeys"


@dataclass(frozen=True, slots=True)
class Shape:
    """The schema of an object: its definition, or of a map its values' schema, or nothing known."""

    definition: Definition | None = None
    values: FieldSchema | None = None

    @property
    def name(self) -> str:
        """Return the type's name, as messages have it."""
        return self.definition.go_name if self.definition else ""

    def field(self, name: str) -> "FieldRules":
        """Return how a field merges."""
        schema = self.definition.field(name) if self.definition else self.values
        if schema is None:
            return FieldRules()
        below = schema.items if schema.type == "array" else schema
        strategies = schema.patch_strategies
        return FieldRules(
            shape=_shape(below),
            strategy=next((s for s in strategies if s != RETAIN_KEYS), ""),
            retain_keys=RETAIN_KEYS in strategies,
            merge_key=schema.patch_merge_key,
        )


@dataclass(frozen=True, slots=True)
class FieldRules:
    """How one field merges; the strategy is ``merge``, ``replace`` or not said."""

    shape: Shape = Shape()
    strategy: str = ""
    retain_keys: bool = False
    merge_key: str = ""


def _shape(schema: FieldSchema | None) -> Shape:
    if schema is None:
        return Shape()
    if schema.definition is not None:
        return Shape(schema.definition)
    return Shape(values=schema.items) if schema.type == "map" else Shape()
