"""The annotation that holds what was applied last: the memory of ``apply``.

Pure. Takes objects; gives objects with the annotation, or what it says.
Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
"""

from typing import Any, Final

from podbay.kubectl.errors import CommandError
from podbay.wire import json

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
Object = dict[str, Any]


def annotated(obj: Object) -> Object:
    """Return the object with itself noted in the annotation, as kubectl writes it."""
    metadata = dict(obj.get("metadata") or {})
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    noted = {**obj, "metadata": {**metadata, "annotations": annotations}}
    text = json.encode(_sorted(noted)).decode() + "\n"
    return {**obj, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}


def last_applied(obj: Object) -> Object | None:
    """Return what was applied last, or None if that is not known. Raises CommandError for what is no object."""
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if text is None:
        return None
    try:
        found = json.decode(text)
    except ValueError as error:
        raise CommandError(f"the annotation {LAST_APPLIED} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"the annotation {LAST_APPLIED} holds no object")
    return found


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
