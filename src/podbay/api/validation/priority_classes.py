"""Rules of priority classes.

Takes defaulted priority classes; gives causes. Invariant: names with the system's prefix belong to the system's own
classes, and no other class is above a billion.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/#priorityclass
"""

from collections.abc import Mapping
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.priority import HIGHEST_OF_USERS, POLICIES, SYSTEM_PREFIX, SYSTEM_VALUES
from podbay.api.validation.field_errors import forbidden, invalid, not_supported
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update


def validate_priority_class(obj: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new priority class."""
    causes = validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=False)
    name, value = obj["metadata"].get("name", ""), obj.get("value") or 0
    if name.startswith(SYSTEM_PREFIX):
        problem = _system_problem(name, value, is_default=bool(obj.get("globalDefault")))
        if problem:
            detail = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: "
            causes.append(forbidden("metadata.name", detail + problem))
    elif value > HIGHEST_OF_USERS:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}"
        causes.append(forbidden("value", detail))
    if obj.get("preemptionPolicy") not in POLICIES:
        causes.append(not_supported("preemptionPolicy", obj.get("preemptionPolicy"), POLICIES))
    return causes


def validate_priority_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a priority class: pods have taken its value over."""
    causes = validate_metadata_update(new, old)
    if (new.get("value") or 0) != (old.get("value") or 0):
        causes.append(forbidden("value", "may not be changed in an update."))
    if new.get("preemptionPolicy") != old.get("preemptionPolicy"):
        causes.append(invalid("preemptionPolicy", new.get("preemptionPolicy"), IMMUTABLE))
    return causes


def _system_problem(name: str, value: int, *, is_default: bool) -> str:
    wanted = SYSTEM_VALUES.get(name)
    if wanted is None:
        return f"{name} is not a known system priority class"
    if value != wanted:
        return f"value of {name} PriorityClass must be {wanted}"
    return f"globalDefault of {name} PriorityClass must be false" if is_default else ""
