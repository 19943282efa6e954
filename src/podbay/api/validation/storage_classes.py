"""Rules of storage classes.

Takes defaulted storage classes; gives causes. Invariant: what volumes are made by stays as it is, and topologies, which
may change, always say which label they mean.
Source: https://kubernetes.io/docs/concepts/storage/storage-classes/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from podbay.api.validation.unsupported import FIELD_TEXT, VALUE_TEXT

Object = Mapping[str, Any]

_POLICIES: Final = ("Delete", "Retain")
_MODES: Final = ("Immediate", "WaitForFirstConsumer")
_MOST_PARAMETERS: Final = 512
_MOST_PARAMETER_BYTES: Final = 256 * 1024


def validate_storage_class(obj: Object) -> list[Cause]:
    """Return what is wrong with a new storage class."""
    causes = validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=False)
    provisioner = obj.get("provisioner") or ""
    if provisioner:
        problems = names.qualified_name_problems(provisioner.lower())
        causes += each_invalid("provisioner", provisioner, problems)
    else:
        causes.append(required("provisioner"))
    causes += _parameters(obj.get("parameters") or {})
    policy, mode = obj.get("reclaimPolicy") or "", obj.get("volumeBindingMode")
    if policy and policy not in _POLICIES:
        causes.append(not_supported("reclaimPolicy", policy, _POLICIES))
    if mode not in _MODES:
        causes.append(not_supported("volumeBindingMode", mode, _MODES))
    causes += _topologies(obj.get("allowedTopologies") or ())
    if obj.get("mountOptions"):
        causes.append(forbidden("mountOptions", FIELD_TEXT))
    return causes + ([forbidden("allowVolumeExpansion", VALUE_TEXT)] if obj.get("allowVolumeExpansion") else [])


def validate_storage_class_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a storage class."""
    causes = validate_storage_class(new) + validate_metadata_update(new, old)
    for name in ("parameters", "provisioner", "reclaimPolicy"):
        if (new.get(name) or None) != (old.get(name) or None):
            causes.append(forbidden(name, f"updates to {name} are forbidden."))
    if new.get("volumeBindingMode") != old.get("volumeBindingMode"):
        causes.append(invalid("volumeBindingMode", new.get("volumeBindingMode"), IMMUTABLE))
    return causes


def _parameters(parameters: Mapping[str, str]) -> list[Cause]:
    if len(parameters) > _MOST_PARAMETERS:
        return [too_long("parameters", _MOST_PARAMETERS)]
    causes = [invalid("parameters", key, "field can not be empty.") for key in parameters if not key]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items())
    return causes + ([too_long("parameters", _MOST_PARAMETER_BYTES)] if size > _MOST_PARAMETER_BYTES else [])


def _topologies(terms: Sequence[Object]) -> list[Cause]:
    causes: list[Cause] = []
    for i, term in enumerate(terms):
        path, keys = f"allowedTopologies[{i}]", set()
        expressions = term.get("matchLabelExpressions") or ()
        for j, expression in enumerate(expressions):
            here, key = f"{path}.matchLabelExpressions[{j}]", expression.get("key") or ""
            values = expression.get("values") or ()
            causes += [] if values else [required(f"{here}.values")]
            seen: set[str] = set()
            for k, value in enumerate(values):
                if value in seen:
                    causes.append(duplicate(f"{here}.values[{k}]", value))
                seen.add(value)
            causes += each_invalid(f"{here}.key", key, names.qualified_name_problems(key))
            if key in keys:
                causes.append(duplicate(f"{here}.key", key))
            keys.add(key)
        if term in terms[:i]:
            causes.append(duplicate(f"{path}.matchLabelExpressions", ""))
    return causes
