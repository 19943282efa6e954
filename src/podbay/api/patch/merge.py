"""JSON merge patches: a document like the one it changes, where null removes (RFC 7386).

Takes documents; gives patched copies, and the patches that lead from one document to another.
Invariant: applying ``two_way_merge(a, b)`` to ``a`` gives ``b``, if ``b`` holds no null.
Source: https://www.rfc-editor.org/rfc/rfc7386
"""

import copy
from collections.abc import Mapping
from typing import Any

from podbay.api.patch.errors import BrokenPatch, MalformedPatch, go_text


def merge_patch(document: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """Return the document after the patch. Raises MalformedPatch."""
    if not isinstance(patch, Mapping):
        raise MalformedPatch("Invalid JSON Patch")
    return _merged(document, patch)


def two_way_merge(original: Mapping[str, Any], modified: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch that leads from one document to the other."""
    patch: dict[str, Any] = {}
    for name, value in modified.items():
        before = original.get(name)
        if name not in original or type(before) is not type(value):
            patch[name] = value
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = two_way_merge(before, value)
            if inner:
                patch[name] = inner
        elif before != value:
            patch[name] = value
    patch.update(dict.fromkeys(name for name in original if name not in modified))
    return copy.deepcopy(patch)


def three_way_merge(
    original: Mapping[str, Any], modified: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the patch of ``current`` that adds what ``modified`` says and removes what it no longer says.

    ``original`` is what was said the last time. Raises BrokenPatch if both would touch one place.
    """
    additions = _filtered(two_way_merge(current, modified), keep_nulls=False)
    deletions = _filtered(two_way_merge(original, modified), keep_nulls=True)
    if _have_conflicts(additions, deletions):
        raise BrokenPatch(
            f"patch:\n{go_text(additions)}\nconflicts with changes made from original to current:\n"
            f"{go_text(deletions)}\n"
        )
    return _merged(deletions, additions)


def _merged(document: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = _merged(result.get(name), value)
        else:
            result[name] = copy.deepcopy(value)
    return result


def _filtered(patch: Mapping[str, Any], *, keep_nulls: bool) -> dict[str, Any]:
    """Return the part of a patch that only removes, or the part that only adds and changes."""
    kept: dict[str, Any] = {}
    for name, value in patch.items():
        if isinstance(value, Mapping):
            inner = _filtered(value, keep_nulls=keep_nulls)
            # An empty object that was written is a value; one that filtering emptied is no change.
            if inner or (not value and not keep_nulls):
                kept[name] = inner
        elif (value is None) is keep_nulls:
            kept[name] = value
    return kept


def _have_conflicts(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return any(_have_conflicts(value, other[name]) for name, value in one.items() if name in other)
    return type(one) is not type(other) or one != other
