"""Rules of namespaces.

Takes namespaces; gives causes. Invariant: a namespace is Terminating exactly while it has a deletion timestamp.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/
"""

from collections.abc import Mapping
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, invalid
from podbay.api.validation.metadata import (
    standard_finalizer_causes,
    validate_core_finalizers,
    validate_metadata,
    validate_metadata_update,
)


def validate_namespace(namespace: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new namespace."""
    causes = validate_metadata(namespace, names.dns1123_label_problems, namespaced=False)
    causes += validate_core_finalizers(namespace)
    for finalizer in (namespace.get("spec") or {}).get("finalizers") or ():
        causes += _finalizer(finalizer, "spec.finalizers")
    return causes


def validate_namespace_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a namespace."""
    return validate_metadata_update(new, old) + validate_core_finalizers(new)


def validate_namespace_status_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a namespace's status."""
    causes = validate_namespace_update(new, old)
    phase = (new.get("status") or {}).get("phase") or ""
    deleted = bool((new.get("metadata") or {}).get("deletionTimestamp"))
    if phase != ("Terminating" if deleted else "Active"):
        detail = (
            "may only be 'Terminating' if `deletionTimestamp` is not empty"
            if deleted
            else "may only be 'Active' if `deletionTimestamp` is empty"
        )
        causes.append(invalid("status.Phase", phase, detail))
    return causes


def validate_namespace_finalize(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a namespace's own finalizers."""
    causes = validate_namespace_update(new, old)
    for i, finalizer in enumerate((new.get("spec") or {}).get("finalizers") or ()):
        causes += _finalizer(finalizer, f"spec.finalizers[{i}]")
    return causes


def _finalizer(finalizer: str, path: str) -> list[Cause]:
    causes = each_invalid(path, finalizer, names.qualified_name_problems(finalizer))
    return causes + standard_finalizer_causes(finalizer, path)
