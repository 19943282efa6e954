"""The admission of priorities: which number a pod's class gives it, and that one class at most is everybody's.

Takes the stored classes and a new object; changes a pod in place, or raises Forbidden in upstream's words.
Invariant: a stored pod's priority and preemption policy are those that its class had when the pod was made.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#priority
"""

from typing import Any

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.priority import DEFAULT_POLICY, SYSTEM_VALUES
from podbay.api.resources import PRIORITY_CLASSES, Resource
from podbay.apiserver.storage.objects import Objects

Object = dict[str, Any]


def admit_priority(objects: Objects, resource: Resource, obj: Object) -> None:
    """Give a new pod its priority; refuse a second class that is the default. Raises Forbidden."""
    if resource is resources.PODS:
        _set_priority(objects, obj)
    admit_default_class(objects, resource, obj)


def admit_default_class(objects: Objects, resource: Resource, obj: Object) -> None:
    """Refuse a new or changed class that would be the second default. Raises Forbidden."""
    if resource is not PRIORITY_CLASSES:
        return
    name = obj["metadata"].get("name", "")
    found = _default_class(objects) if obj.get("globalDefault") else None
    if found is not None and found["metadata"]["name"] != name:
        taken = found["metadata"]["name"]
        raise _forbidden(
            PRIORITY_CLASSES, name, f"PriorityClass {taken} is already marked as default. Only one default can exist"
        )


def admit_class_delete(resource: Resource, name: str) -> None:
    """Refuse to delete the system's own classes. Raises Forbidden."""
    if resource is PRIORITY_CLASSES and name in SYSTEM_VALUES:
        raise _forbidden(PRIORITY_CLASSES, name, "this is a system priority class and cannot be deleted")


def _set_priority(objects: Objects, pod: Object) -> None:
    spec, metadata = pod["spec"], pod["metadata"]
    shown = metadata.get("name") or metadata.get("generateName", "")
    wanted = spec.get("priorityClassName") or ""
    found = _class(objects, wanted) if wanted else _default_class(objects)
    if wanted and found is None:
        raise _forbidden(resources.PODS, shown, f"no PriorityClass with name {wanted} was found")
    chosen = found or {}
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
    priority, policy = chosen.get("value", 0), chosen.get("preemptionPolicy") or DEFAULT_POLICY
    if spec.get("priority") not in (None, priority):
        raise _forbidden(
            resources.PODS,
            shown,
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission"
            f" controller computed {priority} from the given PriorityClass name",
        )
    if spec.get("preemptionPolicy") not in (None, policy):
        raise _forbidden(
            resources.PODS,
            shown,
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec;"
            f" priority admission controller computed {policy} from the given PriorityClass name",
        )
    spec["priority"], spec["preemptionPolicy"] = priority, policy


def _class(objects: Objects, name: str) -> Object | None:
    entry = objects.cache.of(PRIORITY_CLASSES).entries.get(objects.key(PRIORITY_CLASSES, "", name))
    return entry.object() if entry is not None else None


def _default_class(objects: Objects) -> Object | None:
    """Return the default class; of several, which only a race can leave, the one of the lowest value."""
    entries = objects.cache.of(PRIORITY_CLASSES).entries.values()
    classes = [obj for obj in (entry.object() for entry in entries) if obj.get("globalDefault")]
    return min(classes, key=lambda obj: int(obj.get("value", 0)), default=None)


def _forbidden(resource: Resource, name: str, why: str) -> Forbidden:
    details = {"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {})
    return Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)
