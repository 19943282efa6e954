"""The strategic merge patch that leads from one object to another, with two or three versions known.

Takes objects and the kind's definition; gives a patch for :mod:`.strategic`, as ``apply`` and ``edit`` send it.
Invariant: applying ``two_way_strategic(a, b)`` to ``a`` gives ``b``.
Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podbay.api.patch.element_order import key_of, position, sorted_by
from podbay.api.patch.errors import BrokenPatch, UnappliablePatch, go_text
from podbay.api.patch.lookup import FieldRules, Shape
from podbay.api.patch.strategic import DELETE_FROM, DIRECTIVE, RETAIN_KEYS, SET_ORDER, combine
from podbay.api.schema import Definition


def two_way_strategic(
    original: Mapping[str, Any], modified: Mapping[str, Any], definition: Definition
) -> dict[str, Any]:
    """Return the patch that leads from one object to the other. Raises PatchError."""
    return copy.deepcopy(_Difference().objects(original, modified, Shape(definition)))


def three_way_strategic(
    original: Mapping[str, Any], modified: Mapping[str, Any], current: Mapping[str, Any], definition: Definition
) -> dict[str, Any]:
    """Return the patch of ``current`` that adds what ``modified`` says and removes what it no longer says.

    ``original`` is what was said the last time. Raises PatchError.
    """
    shape = Shape(definition)
    additions = _Difference(deletions=False).objects(current, modified, shape)
    deletions = _Difference(additions=False).objects(original, modified, shape)
    return combine(deletions, additions, shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """Which half of the difference is wanted; both, if nothing is said."""

    additions: bool = True
    deletions: bool = True

    def objects(
        self, original: Mapping[str, Any], modified: Mapping[str, Any], shape: Shape, *, retain_keys: bool = False
    ) -> dict[str, Any]:
        patch: dict[str, Any] = {}
        for name, value in modified.items():
            before = original.get(name)
            if name == DIRECTIVE and name in original:
                if before != value:
                    patch[name] = value
            elif name not in original or type(before) is not type(value):
                if self.additions:
                    patch[name] = value
            elif isinstance(value, Mapping) and isinstance(before, Mapping):
                self._object_field(patch, name, before, value, shape.field(name))
            elif isinstance(value, list) and isinstance(before, list):
                self._list_field(patch, name, before, value, shape.field(name))
            elif before != value and self.additions:
                patch[name] = value
        if self.deletions:
            patch.update(dict.fromkeys(name for name in original if name not in modified))
        if retain_keys:
            said = sorted(name for name, value in modified.items() if value is not None)
            gone = any(name not in modified and value is not None for name, value in original.items())
            if said and (patch or gone):
                patch[RETAIN_KEYS] = said
        return patch

    def _object_field(
        self, patch: dict[str, Any], name: str, before: Mapping[str, Any], value: Mapping[str, Any], rules: FieldRules
    ) -> None:
        if rules.strategy == "replace":
            if self.additions:
                patch[name] = value
            return
        inner = self.objects(before, value, rules.shape, retain_keys=rules.retain_keys)
        if inner:
            patch[name] = inner

    def _list_field(
        self, patch: dict[str, Any], name: str, before: list[Any], value: list[Any], rules: FieldRules
    ) -> None:
        if rules.strategy != "merge":
            if before != value and self.additions:
                patch[name] = value
            return
        if not before:
            if value and self.additions:
                patch[name] = value
            return
        if any(isinstance(item, list) for item in (*before, *value)):
            raise UnappliablePatch("lists of lists are not supported")
        if len({type(item) for item in (*before, *value)}) > 1:
            raise BrokenPatch(f"list element types are not identical: {go_text([before, value])}")
        if isinstance(before[0], dict):
            self._list_of_objects(patch, name, before, value, rules)
        else:
            self._list_of_scalars(patch, name, before, value)

    def _list_of_objects(
        self, patch: dict[str, Any], name: str, before: list[Any], value: list[Any], rules: FieldRules
    ) -> None:
        key, changed = rules.merge_key, []
        gone = []
        for one, other in _paired(before, value, key):
            if other is None:
                gone.append({key: one[key], DIRECTIVE: "delete"})
            elif one is None:
                changed += [other] if self.additions else []
            elif inner := self.objects(one, other, rules.shape, retain_keys=rules.retain_keys):
                changed.append({**inner, key: other[key]})
        items = sorted_by(changed, value, key) + (gone if self.deletions else [])
        if items:
            patch[name] = items
        same_order = [key_of(item, key) for item in before] == [key_of(item, key) for item in value]
        if items or (self.additions and not same_order):
            order = [{key: item[key]} for item in value]
            if order:
                patch[f"{SET_ORDER}/{name}"] = order

    def _list_of_scalars(self, patch: dict[str, Any], name: str, before: list[Any], value: list[Any]) -> None:
        added, gone = _not_in(value, before), _not_in(before, value)
        if added and self.additions:
            patch[name] = added
        if gone and self.deletions:
            patch[f"{DELETE_FROM}/{name}"] = gone
        if value and ((gone and self.deletions) or (before != value and self.additions)):
            patch[f"{SET_ORDER}/{name}"] = value


def _paired(before: list[Any], value: list[Any], key: str) -> Iterator[tuple[Any, Any]]:
    """Yield (old item, new item) by key; where one key is there several times, the last go together."""
    left, right = _by_key(before, key), _by_key(value, key)
    while left or right:
        first = go_text(left[0][key]) if left else None
        second = go_text(right[0][key]) if right else None
        if first is not None and (second is None or first < second):
            yield left.pop(0), None
        elif first is None or (second is not None and second < first):
            yield None, right.pop(0)
        else:
            yield left.pop(0), right.pop(0)


def _by_key(items: list[Any], key: str) -> list[Any]:
    return sorted(reversed(items), key=lambda item: go_text(key_of(item, key)))


def _not_in(items: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [item for item in dict.fromkeys(items) if position(others, item, "") < 0]
