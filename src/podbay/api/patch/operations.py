"""JSON patches: a list of operations on paths (RFC 6902).

Takes a document and operations; gives the patched copy. The one door to the jsonpatch library.
Invariant: all operations are applied, or none.
Source: https://www.rfc-editor.org/rfc/rfc6902
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api.errors import RequestEntityTooLarge
from podbay.api.patch.errors import MalformedPatch, UnappliablePatch

MOST_OPERATIONS: Final = 10_000
_NAMES: Final = frozenset({"add", "copy", "move", "remove", "replace", "test"})
_FIELDS: Final = frozenset({"op", "path", "from", "value"})


def json_patch(document: Mapping[str, Any], operations: Any) -> Any:
    """Return the document after the operations. Raises MalformedPatch, UnappliablePatch, RequestEntityTooLarge."""
    import jsonpatch  # here, because only servers patch, and commands must start fast

    _check(operations)
    try:
        return jsonpatch.JsonPatch(operations).apply(document)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, IndexError) as error:
        raise UnappliablePatch(str(error)) from error


def unknown_fields(operations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what strict validation says of members that no operation has."""
    return [
        f'json patch unknown field "[{i}].{name}"'
        for i, operation in enumerate(operations)
        for name in sorted(operation)
        if name not in _FIELDS
    ]


def _check(operations: Any) -> None:
    if not isinstance(operations, list):
        kind = "object" if isinstance(operations, dict) else "value"
        raise MalformedPatch(
            f"error decoding patch: json: cannot unmarshal {kind} into Go value of type jsonpatch.Patch"
        )
    if len(operations) > MOST_OPERATIONS:
        raise RequestEntityTooLarge(
            f"Request entity too large: The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, "
            f"got {len(operations)}"
        )
    for operation in operations:
        if not isinstance(operation, dict):
            raise MalformedPatch(
                "error decoding patch: json: cannot unmarshal value into Go value of type jsonpatch.Operation"
            )
        if operation.get("op") not in _NAMES:
            raise UnappliablePatch(f"Unexpected kind: {operation.get('op', 'unknown')}")
        if not isinstance(operation.get("path"), str):
            raise UnappliablePatch("operation missing path field: missing value")
