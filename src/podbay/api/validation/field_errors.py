"""Field errors in Kubernetes' words: what is wrong with which value at which path.

Takes a path, a bad value and a detail from the rules; gives causes, which the API server puts into a Status.
Invariant: a cause's message never repeats its path; the Status' own message does.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from podbay.api.errors import Cause, Invalid
from podbay.api.resources import Resource


def required(path: str, detail: str = "") -> Cause:
    """Return the cause for a value that is missing."""
    return Cause("FieldValueRequired", _with_detail("Required value", detail), path)


def invalid(path: str, value: Any, detail: str) -> Cause:
    """Return the cause for a value that breaks a rule."""
    return Cause("FieldValueInvalid", _with_detail(f"Invalid value: {_shown(value)}", detail), path)


def duplicate(path: str, value: Any, detail: str = "") -> Cause:
    """Return the cause for a value that is there twice."""
    return Cause("FieldValueDuplicate", _with_detail(f"Duplicate value: {_shown(value)}", detail), path)


def not_found(path: str, value: Any, detail: str = "") -> Cause:
    """Return the cause for a reference to nothing."""
    return Cause("FieldValueNotFound", _with_detail(f"Not found: {_shown(value)}", detail), path)


def not_supported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    """Return the cause for a value that is none of a few."""
    detail = ", ".join(json.dumps(one) for one in supported)
    message = _with_detail(f"Unsupported value: {_shown(value)}", f"supported values: {detail}" if detail else "")
    return Cause("FieldValueNotSupported", message, path)


def forbidden(path: str, detail: str) -> Cause:
    """Return the cause for a field that may not be set, or not be changed."""
    return Cause("FieldValueForbidden", _with_detail("Forbidden", detail), path)


def too_long(path: str, most_bytes: int) -> Cause:
    """Return the cause for a value that is too long; the value is not repeated."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {most_bytes} bytes", path)


def each_invalid(path: str, value: Any, problems: Iterable[str]) -> list[Cause]:
    """Return one cause for each problem of a value."""
    return [invalid(path, value, problem) for problem in problems]


def invalid_object(resource: Resource, name: str, causes: Sequence[Cause]) -> Invalid:
    """Return the error that refuses an object: ``Pod "x" is invalid: spec.containers: Required value``."""
    return invalid_kind(resource.group, resource.kind, name, causes)


def invalid_kind(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Invalid:
    """Return the error that refuses something of a kind that need not be served, such as options."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {"name": name, "group": group, "kind": kind}
    qualified = f"{kind}.{group}" if group else kind
    return Invalid(
        f'{qualified} "{name}" is invalid: {text}',
        details={key: value for key, value in details.items() if value},
        causes=causes,
    )


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
