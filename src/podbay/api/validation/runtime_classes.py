"""Rules of runtime classes.

Takes defaulted runtime classes; gives causes. Invariant: a class's handler never changes, because pods run with it.
Source: https://kubernetes.io/docs/concepts/containers/runtime-class/
"""

from collections.abc import Mapping
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, invalid
from podbay.api.validation.metadata import IMMUTABLE, validate_labels, validate_metadata, validate_metadata_update
from podbay.api.validation.placement import validate_tolerations
from podbay.api.validation.resource_requirements import validate_resources


def validate_runtime_class(obj: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new runtime class."""
    causes = validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=False)
    handler = obj.get("handler") or ""
    causes += each_invalid("handler", handler, names.dns1123_label_problems(handler))
    overhead, scheduling = obj.get("overhead"), obj.get("scheduling")
    if overhead:
        causes += validate_resources({"limits": overhead.get("podFixed")}, "overhead")
    if scheduling:
        causes += validate_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
        causes += validate_tolerations(scheduling.get("tolerations") or (), "scheduling.tolerations")
    return causes


def validate_runtime_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a runtime class."""
    causes = validate_runtime_class(new) + validate_metadata_update(new, old)
    if (new.get("handler") or "") != (old.get("handler") or ""):
        causes.append(invalid("handler", new.get("handler") or "", IMMUTABLE))
    return causes
