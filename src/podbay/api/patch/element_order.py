"""The order of merged lists: what the patch says first, what the server alone has in the server's order.

Takes items and the lists that order them; gives ordered copies. Invariant: no item is lost or doubled, and items that
a directive deletes come last.
Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from collections.abc import Sequence
from typing import Any

from podbay.api.patch.errors import BrokenPatch, go_text, no_merge_key, wrong_type


def key_of(item: Any, merge_key: str) -> Any:
    """Return what tells an item apart: the value of its merge key, or itself. Raises BrokenPatch."""
    if not merge_key:
        return item
    if not isinstance(item, dict):
        raise wrong_type("map[string]interface {}", item)
    if merge_key not in item:
        raise no_merge_key(item, merge_key)
    return item[merge_key]


def position(items: Sequence[Any], key: Any, merge_key: str) -> int:
    """Return where an item of that key is, or -1."""
    for i, item in enumerate(items):
        own = item.get(merge_key) if merge_key and isinstance(item, dict) else item
        if own == key and type(own) is type(key):
            return i
    return -1


def is_deletion(item: Any) -> bool:
    """Tell whether an item only says that another one goes."""
    return isinstance(item, dict) and item.get("$patch") == "delete"


def sorted_by(items: Sequence[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """Return items in the order of a list that holds them; deletions come last."""
    for item in order:
        key_of(item, merge_key)
    kept = [item for item in items if not is_deletion(item)]
    places = {i: position(order, key_of(item, merge_key), merge_key) for i, item in enumerate(kept)}
    ranks = sorted(range(len(kept)), key=lambda i: places[i] if places[i] >= 0 else len(order))
    return [kept[i] for i in ranks] + [item for item in items if is_deletion(item)]


def split_by(items: Sequence[Any], by: Sequence[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Return (the items that the other list has too, the rest)."""
    within: list[Any] = []
    without: list[Any] = []
    for item in items:
        found = position(by, key_of(item, merge_key), merge_key) >= 0
        (within if found else without).append(item)
    return within, without


def interleaved(
    from_patch: Sequence[Any], patch_order: Sequence[Any], server_only: Sequence[Any], server_order: Sequence[Any],
    merge_key: str,
) -> list[Any]:  # fmt: skip
    """Return both lists as one: the patch's in its order, the server's where it had them relative to those."""
    left = sorted_by(server_only, server_order, merge_key)
    right = sorted_by(from_patch, patch_order, merge_key)
    merged: list[Any] = []
    while left and right:
        first = position(server_order, key_of(left[0], merge_key), merge_key)
        second = position(server_order, key_of(right[0], merge_key), merge_key)
        merged.append(left.pop(0) if 0 <= first < second else right.pop(0))
    return merged + left + right


def check_order(items: Sequence[Any], order: Sequence[Any], merge_key: str) -> None:
    """Raise BrokenPatch if a patch's items are not in the order that it says itself."""
    if not items or not order:
        return
    rest = iter(order)
    for item in items:
        if merge_key and isinstance(item, dict) and "$patch" in item:
            continue
        key = key_of(item, merge_key)
        if not any(key_of(other, merge_key) == key for other in rest):
            raise BrokenPatch(
                f"The order in patch list:\n{go_text(list(items))}\n doesn't match $setElementOrder list:\n"
                f"{go_text(list(order))}\n"
            )
