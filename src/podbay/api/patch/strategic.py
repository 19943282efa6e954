"""Strategic merge patches: like merge patches, but lists of things with names merge by name.

Takes a document, a patch with its directives ($patch, $retainKeys, $deleteFromPrimitiveList, $setElementOrder) and the
kind's definition; gives the patched copy. With ``combine`` two patches become one, directives kept.
Invariant: no directive is left in a patched document.
Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.patch.element_order import (
    check_order,
    interleaved,
    is_deletion,
    key_of,
    position,
    split_by,
)
from podbay.api.patch.errors import BrokenPatch, MalformedPatch, UnappliablePatch, go_text, no_merge_key, wrong_type
from podbay.api.patch.lookup import Shape
from podbay.api.schema import Definition

DIRECTIVE: Final = "$patch"
RETAIN_KEYS: Final = "$retainKeys"
DELETE_FROM: Final = "$deleteFromPrimitiveList"
SET_ORDER: Final = "$setElementOrder"


def strategic_merge_patch(document: Mapping[str, Any], patch: Any, definition: Definition) -> dict[str, Any]:
    """Return the document after the patch. Raises PatchError."""
    if not isinstance(patch, Mapping):
        raise MalformedPatch("invalid JSON document")
    merge = _Merge(keep_directives=False)
    return merge.objects(copy.deepcopy(dict(document)), copy.deepcopy(dict(patch)), Shape(definition))


def combine(first: Mapping[str, Any], second: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Return one patch that does what the two do one after the other. Raises PatchError."""
    merge = _Merge(keep_directives=True)
    return merge.objects(copy.deepcopy(dict(first)), copy.deepcopy(dict(second)), shape)


@dataclass(frozen=True, slots=True)
class _Merge:
    """A merge into a document, or (keeping directives and nulls) into another patch. Changes what it is given."""

    keep_directives: bool

    def objects(self, original: dict[str, Any], patch: dict[str, Any], shape: Shape) -> dict[str, Any]:
        if DIRECTIVE in patch:
            return _by_directive(patch)
        self._retain_keys(original, patch)
        self._ordered_lists(original, patch, shape)
        for name, value in patch.items():
            if name.startswith(DELETE_FROM):
                if self.keep_directives:
                    original[name] = value
                else:
                    _delete_from(original, name, value)
            elif value is None:
                original.pop(name, None)
                if self.keep_directives:
                    original[name] = None
            else:
                self._field(original, name, value, shape)
        return original

    def _field(self, original: dict[str, Any], name: str, value: Any, shape: Shape) -> None:
        current: Any = original.get(name)
        if name not in original or type(current) is not type(value):
            kept, keep = self._new(value)
            original.pop(name, None)
            if keep:
                original[name] = kept
        elif isinstance(value, dict):
            rules = shape.field(name)
            merges = rules.strategy != "replace"
            original[name] = self.objects(current, value, rules.shape) if merges else value
        elif isinstance(value, list):
            rules = shape.field(name)
            if rules.strategy == "merge":
                original[name] = self._lists(current, value, rules.shape, rules.merge_key)
            else:
                original[name] = value
        else:
            original[name] = value

    def _lists(self, original: list[Any], patch: list[Any], shape: Shape, merge_key: str) -> list[Any]:
        if not original and not patch:
            return original
        _check_items([*original, *patch], shape, merge_key)
        merged = list(original)
        if not merge_key:
            merged += [item for item in patch if position(merged, item, "") < 0]
            merged = [item for i, item in enumerate(merged) if position(merged[:i], item, "") < 0]
        else:
            merged, patch = _by_item_directives(merged, patch, merge_key)
            original = list(merged)
            for item in patch:
                at = position(merged, key_of(item, merge_key), merge_key)
                if at >= 0:
                    merged[at] = self.objects(merged[at], dict(item), shape)
                else:
                    merged.append(self._new(item)[0])
        from_patch, server_only = split_by(merged, patch, merge_key)
        return interleaved(from_patch, patch, server_only, original, merge_key)

    def _new(self, value: Any) -> tuple[Any, bool]:
        """Return (a value as it goes where there was none, whether anything of it stays)."""
        if self.keep_directives:
            return _without_items_that_direct(value)
        return _plain(value)

    def _retain_keys(self, original: dict[str, Any], patch: dict[str, Any]) -> None:
        keys = patch.pop(RETAIN_KEYS, None)
        if keys is None:
            return
        if self.keep_directives:
            if original.setdefault(RETAIN_KEYS, keys) != keys:
                raise BrokenPatch(
                    f"{go_text(original[RETAIN_KEYS])} and {go_text(keys)} are not deep equal: this may happen when "
                    "calculating the 3-way diff patch"
                )
            return
        said = [name for name, value in patch.items() if value is not None and not _is_parallel(name)]
        if not isinstance(keys, list) or any(name not in keys for name in said):
            raise MalformedPatch("invalid patch format of retainKeys")
        for name in [name for name in original if name not in keys]:
            del original[name]

    def _ordered_lists(self, original: dict[str, Any], patch: dict[str, Any], shape: Shape) -> None:
        """Merge the lists whose order the patch says, and take them out of the patch."""
        for directive in [name for name in patch if name.startswith(SET_ORDER)]:
            order = patch.pop(directive)
            if self.keep_directives and original.setdefault(directive, order) != order:
                raise MalformedPatch("invalid patch format of setElementOrder list")
            if not isinstance(order, list):
                raise wrong_type("[]interface {}", order)
            name = _field_of(directive, "invalid patch format of setElementOrder list")
            merged = self._in_said_order(original.get(name), patch.get(name), order, shape, name)
            if merged is not None:
                original[name] = merged
                patch.pop(name, None)

    def _in_said_order(self, before: Any, said: Any, order: list[Any], shape: Shape, name: str) -> list[Any] | None:
        for value in (before, said):
            if value is not None and not isinstance(value, list):
                raise wrong_type("[]interface {}", value)
        rules = shape.field(name)
        check_order(said or (), order, rules.merge_key)
        if before is None and said is None:
            return None
        if said is None:
            merged = before
        elif before is None:
            merged = self._new(said)[0]
        elif rules.strategy == "merge":
            merged = self._lists(before, said, rules.shape, rules.merge_key)
        else:
            merged = said
        from_patch, server_only = split_by(merged, order, rules.merge_key)
        server_order = _kept_and_added(before or [], said or [], rules.merge_key)
        return interleaved(from_patch, order, server_only, server_order, rules.merge_key)


def _kept_and_added(before: list[Any], said: list[Any], merge_key: str) -> list[Any]:
    """Return the order that the server's own items keep: as before, and new items in the room of deleted ones."""
    if not merge_key:
        return before
    deleted = [item[merge_key] for item in said if is_deletion(item) and merge_key in item]
    kept = [item for item in before if item.get(merge_key) not in deleted]
    added = [item for item in said if DIRECTIVE not in item and position(kept, item[merge_key], merge_key) < 0]
    return (kept + added)[: len(before)]


def _by_directive(patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch[DIRECTIVE]
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != DIRECTIVE}
    if directive == "delete":
        return {}
    raise BrokenPatch(f"unknown patch type: {go_text(directive)} in map: {go_text(patch)}")


def _by_item_directives(original: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Return (the original without what the patch's items delete, the patch's items that are no directives)."""
    plain: list[Any] = []
    replace = False
    for item in patch:
        directive = item.get(DIRECTIVE)
        if DIRECTIVE not in item:
            plain.append(item)
        elif directive == "delete":
            if merge_key not in item:
                raise no_merge_key(item, merge_key)
            original = [other for other in original if other.get(merge_key) != item[merge_key]]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise BrokenPatch("merging lists cannot yet be specified in the patch")
        else:
            raise BrokenPatch(f"unknown patch type: {go_text(directive)} in map: {go_text(item)}")
    return (plain, []) if replace else (original, plain)


def _check_items(items: list[Any], shape: Shape, merge_key: str) -> None:
    kinds = {type(item) for item in items}
    if list in kinds:
        raise UnappliablePatch("lists of lists are not supported")
    if len(kinds) > 1:
        raise BrokenPatch(f"list element types are not identical: {go_text(items)}")
    if kinds == {dict} and not merge_key:
        raise BrokenPatch(f"cannot merge lists without merge key for {shape.name}")
    if merge_key and kinds != {dict}:
        raise wrong_type("map[string]interface {}", items[0])


def _delete_from(original: dict[str, Any], directive: str, values: Any) -> None:
    name = _field_of(directive, "invalid patch format of primitive list")
    current = original.get(name)
    if current is None:
        return
    if not isinstance(current, list) or not isinstance(values, list):
        raise wrong_type("[]interface {}", values if isinstance(current, list) else current)
    original[name] = [item for item in current if position(values, item, "") < 0]


def _field_of(directive: str, problem: str) -> str:
    _, slash, name = directive.partition("/")
    if not slash:
        raise MalformedPatch(problem)
    return name


def _is_parallel(name: str) -> bool:
    return name.startswith((DELETE_FROM, SET_ORDER))


def _without_items_that_direct(value: Any) -> tuple[Any, bool]:
    """Return (a value without the objects that are only directives, whether anything of it stays)."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return None, False
        pairs = [(name, _without_items_that_direct(inner)) for name, inner in value.items()]
        return {name: inner for name, (inner, keep) in pairs if keep}, True
    if isinstance(value, list):
        return [inner for inner, keep in map(_without_items_that_direct, value) if keep], True
    return value, True


def _plain(value: Any) -> tuple[Any, bool]:
    """Return (a value without any directive and null, whether anything of it stays)."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return None, False
        pairs = [
            (name, _plain(inner))
            for name, inner in value.items()
            if inner is not None and name != RETAIN_KEYS and not _is_parallel(name)
        ]
        return {name: inner for name, (inner, keep) in pairs if keep}, True
    if isinstance(value, list):
        return [inner for inner, keep in map(_plain, value) if keep], True
    return value, True
