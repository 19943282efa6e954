"""Rules of ``metadata``, the same for every kind but for what its names may be.

Takes the metadata of an object (and of the one it replaces); gives causes. Invariant: the checks of an update are
those of what changed plus those of what is said; a kind's validation calls both.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import (
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)

NameRule = Callable[[str], list[str]]
IMMUTABLE: Final = "field is immutable"
_MOST_ANNOTATION_BYTES: Final = 256 * 1024
_STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_FIXED: Final = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_MOST_MANAGER_BYTES: Final = 128
_MOST_SUBRESOURCE_BYTES: Final = 256


def validate_metadata(obj: Mapping[str, Any], name_rule: NameRule, *, namespaced: bool) -> list[Cause]:
    """Return what is wrong with the metadata of an object that has its name by now."""
    metadata = obj.get("metadata") or {}
    causes = _name(metadata, name_rule)
    namespace = metadata.get("namespace") or ""
    if not namespaced:
        if namespace:
            causes.append(forbidden("metadata.namespace", "not allowed on this type"))
    elif not namespace:
        causes.append(required("metadata.namespace"))
    else:
        causes += each_invalid("metadata.namespace", namespace, names.dns1123_label_problems(namespace))
    if (metadata.get("generation") or 0) < 0:
        detail = "must be greater than or equal to 0"
        causes.append(invalid("metadata.generation", metadata["generation"], detail))
    causes += _described(metadata)
    finalizers = metadata.get("finalizers") or ()
    for finalizer in finalizers:
        causes += each_invalid("metadata.finalizers", finalizer, names.qualified_name_problems(finalizer))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        causes.append(invalid("metadata.finalizers", finalizers, detail))
    return causes


def validate_metadata_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of metadata. Its resourceVersion is the server's matter."""
    now, before = new.get("metadata") or {}, old.get("metadata") or {}
    causes = []
    if before.get("deletionTimestamp"):
        added = sorted(set(now.get("finalizers") or ()) - set(before.get("finalizers") or ()))
        if added:
            shown = ", ".join(f'"{one}"' for one in added)
            detail = (
                "no new finalizers can be added if the object is being deleted, found new finalizers "
                f"[]string{{{shown}}}"
            )
            causes.append(forbidden("metadata.finalizers", detail))
    if (now.get("generation") or 0) < (before.get("generation") or 0):
        causes.append(invalid("metadata.generation", now.get("generation") or 0, "must not be decremented"))
    for name in _FIXED:
        if now.get(name) != before.get(name):
            absent = None if name.startswith("deletion") or name == "creationTimestamp" else ""
            causes.append(invalid(f"metadata.{name}", now.get(name, absent), IMMUTABLE))
    return causes + _described(now)


def validate_core_finalizers(obj: Mapping[str, Any]) -> list[Cause]:
    """Return the finalizers of a core object that are neither standard nor qualified."""
    causes = []
    for i, finalizer in enumerate((obj.get("metadata") or {}).get("finalizers") or ()):
        causes += standard_finalizer_causes(finalizer, f"metadata.finalizers[{i}]")
    return causes


def standard_finalizer_causes(finalizer: str, path: str) -> list[Cause]:
    """Return a cause if a finalizer without a prefix is none of Kubernetes' own."""
    if "/" in finalizer or finalizer in _STANDARD_FINALIZERS:
        return []
    return [invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")]


def validate_labels(labels: Mapping[str, str] | None, path: str) -> list[Cause]:
    """Return what is wrong with keys and values of labels, or of a node selector."""
    causes = []
    for key, value in sorted((labels or {}).items()):
        causes += each_invalid(path, key, names.qualified_name_problems(key))
        causes += each_invalid(path, value, names.label_value_problems(value))
    return causes


def _name(metadata: Mapping[str, Any], name_rule: NameRule) -> list[Cause]:
    causes = []
    base, name = metadata.get("generateName") or "", metadata.get("name") or ""
    if base:
        causes += each_invalid("metadata.generateName", base, name_rule(names.with_masked_dash(base)))
    if name:
        causes += each_invalid("metadata.name", name, name_rule(name))
    else:
        causes.append(required("metadata.name", "name or generateName is required"))
    return causes


def _described(metadata: Mapping[str, Any]) -> list[Cause]:
    causes = validate_labels(metadata.get("labels"), "metadata.labels")
    causes += validate_annotations(metadata.get("annotations") or {}, "metadata.annotations")
    causes += _owner_references(metadata.get("ownerReferences") or ())
    for i, entry in enumerate(metadata.get("managedFields") or ()):
        causes += _managed_fields(entry, f"metadata.managedFields[{i}]")
    return causes


def validate_annotations(annotations: Mapping[str, str], path: str) -> list[Cause]:
    """Return what is wrong with keys of annotations, and with their size."""
    causes = []
    for key in sorted(annotations):
        causes += each_invalid(path, key, names.qualified_name_problems(key.lower()))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MOST_ANNOTATION_BYTES:
        causes.append(too_long(path, _MOST_ANNOTATION_BYTES))
    return causes


def _owner_references(references: Sequence[Mapping[str, Any]]) -> list[Cause]:
    causes, path, first = [], "metadata.ownerReferences", ""
    for i, reference in enumerate(references):
        if not reference.get("apiVersion"):
            causes.append(invalid(f"{path}[{i}].apiVersion", "", "version must not be empty"))
        causes += [
            invalid(f"{path}[{i}].{name}", "", f"{name} must not be empty")
            for name in ("kind", "name", "uid")
            if not reference.get(name)
        ]
        if reference.get("apiVersion") == "v1" and reference.get("kind") == "Event":
            detail = "/v1, Kind=Event is disallowed from being an owner"
            causes.append(invalid(f"{path}[{i}]", dict(reference), detail))
        if reference.get("controller"):
            name = f"{reference.get('kind', '')}/{reference.get('name', '')}"
            if first:
                detail = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{first} and {name}"
                )
                causes.append(invalid(path, list(references), detail))
            first = first or name
    return causes


def _managed_fields(entry: Mapping[str, Any], path: str) -> list[Cause]:
    causes = []
    if entry.get("operation") not in ("Apply", "Update"):
        causes.append(invalid(f"{path}.operation", entry.get("operation", ""), "must be `Apply` or `Update`"))
    if entry.get("fieldsType") not in (None, "", "FieldsV1"):
        causes.append(invalid(f"{path}.fieldsType", entry["fieldsType"], "must be `FieldsV1`"))
    causes += validate_field_manager(entry.get("manager") or "", f"{path}.manager")
    if len((entry.get("subresource") or "").encode()) > _MOST_SUBRESOURCE_BYTES:
        causes.append(too_long(f"{path}.subresource", _MOST_SUBRESOURCE_BYTES))
    return causes


def validate_field_manager(manager: str, path: str = "fieldManager") -> list[Cause]:
    """Return what is wrong with the name of a field manager."""
    causes = [too_long(path, _MOST_MANAGER_BYTES)] if len(manager.encode()) > _MOST_MANAGER_BYTES else []
    for at, character in enumerate(manager):
        if not character.isprintable():
            detail = f"invalid character U+{ord(character):04X} (at position {at})"
            causes.append(invalid(path, manager, detail))
    return causes


def validate_dry_run(values: Sequence[str]) -> list[Cause]:
    """Return a cause if a dry run is asked for in a way that there is not."""
    return [] if set(values) <= {"All"} else [not_supported("dryRun", list(values), ("All",))]
