"""Why a patch cannot be applied, and the status that each reason has.

PatchError
├── MalformedPatch      400: the patch itself makes no sense
├── UnappliablePatch    422: it makes sense, but not for this object
└── BrokenPatch         500: upstream's answer to a patch that its merge gives up on

Raised by this package; turned into a StatusError at the API server's door by ``status_error``.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

import json
from typing import Any

from podbay.api.errors import BadRequest, Cause, Invalid, StatusError

REJECTED = "the server rejected our request due to an error in our request"


class PatchError(ValueError):
    """A patch that cannot be applied."""


class MalformedPatch(PatchError):
    """A patch that makes no sense by itself."""


class UnappliablePatch(PatchError):
    """A patch that makes no sense for this object."""


class BrokenPatch(PatchError):
    """A patch that the merge gives up on."""


def status_error(error: PatchError) -> StatusError:
    """Return the error that a client gets."""
    if isinstance(error, MalformedPatch):
        return BadRequest(str(error))
    if isinstance(error, UnappliablePatch):
        return Invalid(REJECTED)
    return StatusError(str(error))  # without a reason, as upstream


def misfit(shown: str, detail: str) -> Invalid:
    """Return the error for a patch whose result is no object of its kind; ``shown`` is the patch or its result."""
    message = f"Invalid value: {json.dumps(shown, ensure_ascii=False)}: {detail}"
    return Invalid(f' "" is invalid: patch: {message}', causes=[Cause("FieldValueInvalid", message, "patch")])


def no_merge_key(item: Any, key: str) -> BrokenPatch:
    """Return the error for an item of a merged list that says not which one it is."""
    return BrokenPatch(f"map: {go_text(item)} does not contain declared merge key: {key}")


def wrong_type(expected: str, actual: Any) -> BrokenPatch:
    """Return the error for a value of another type than its field has."""
    return BrokenPatch(f"expected a {expected}, but received a {_go_type(actual)}")


def go_text(value: Any) -> str:
    """Return a value as Go prints it, which upstream's messages have."""
    match value:
        case dict():
            return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
        case list():
            return "[" + " ".join(map(go_text, value)) + "]"
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _go_type(value: Any) -> str:
    names = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool", int: "int64"}
    return names.get(type(value), "float64" if isinstance(value, float) else "%!s(<nil>)")
