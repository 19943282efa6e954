"""What is special about each kind on its way into the store: what a client may set when, and how it ends.

Pure. Takes the new object, the old one and the time; changes the new one in place. Called after decoding and before
validation. What is special about pods alone is in :mod:`.pod_strategy`.
Invariant: a client's write never changes status through the main resource, nor anything but status through ``status``.
Source: upstream's registry strategies (PrepareForCreate, PrepareForUpdate), field by field.
"""

import base64
from datetime import datetime, timedelta
from typing import Any, Final

from podbay.api import resources
from podbay.api.resources import Resource
from podbay.api.taints import NOT_READY
from podbay.apiserver.pod_strategy import count_generation, prepare_pod
from podbay.wire.times import format_time, parse_time

Object = dict[str, Any]

_WITH_STATUS: Final = (
    resources.PODS,
    resources.NODES,
    resources.NAMESPACES,
    resources.PERSISTENT_VOLUMES,
    resources.PERSISTENT_VOLUME_CLAIMS,
    resources.POD_DISRUPTION_BUDGETS,
    resources.RESOURCE_QUOTAS,
)
_COUNTED: Final = (resources.PODS, resources.POD_DISRUPTION_BUDGETS)  # whose generation follows their spec
_UNCONDITIONAL_REFUSED: Final = (resources.LEASES, resources.RUNTIME_CLASSES, resources.POD_DISRUPTION_BUDGETS)
_CREATE_ON_UPDATE: Final = (
    resources.LEASES,
    resources.EVENTS,
    resources.EVENTS_V1,
    resources.RUNTIME_CLASSES,
    resources.LIMIT_RANGES,
)
_RETURNS_OBJECT: Final = (
    resources.PODS,
    resources.POD_TEMPLATES,
    resources.SERVICE_ACCOUNTS,
    resources.PERSISTENT_VOLUMES,
    resources.PERSISTENT_VOLUME_CLAIMS,
    resources.STORAGE_CLASSES,
    resources.RESOURCE_QUOTAS,
)
_BUDGET_COUNTS: Final = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
_SINCE: Final = "lastPhaseTransitionTime"


def prepare_create(resource: Resource, obj: Object) -> None:
    """Reset what a client may not set when it creates."""
    if resource is resources.PODS:
        prepare_pod(obj)
    elif resource is resources.POD_TEMPLATES:
        obj["metadata"]["generation"] = 1
    elif resource is resources.POD_DISRUPTION_BUDGETS:
        obj["metadata"]["generation"] = 1
        obj["status"] = dict.fromkeys(_BUDGET_COUNTS, 0)
    elif resource is resources.PERSISTENT_VOLUMES:
        obj["status"] = {"phase": "Pending", _SINCE: obj["metadata"]["creationTimestamp"]}
    elif resource is resources.PERSISTENT_VOLUME_CLAIMS:
        obj["status"] = {"phase": "Pending"}
    elif resource is resources.NODES:
        _taint_new_node(obj)
    elif resource is resources.NAMESPACES:
        obj["status"] = {"phase": "Active"}
        finalizers = obj.setdefault("spec", {}).setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
    elif resource is resources.SECRETS:
        _merge_string_data(obj)
    elif resource is resources.RESOURCE_QUOTAS:
        obj["status"] = {}
    elif resource is resources.LIMIT_RANGES:
        obj["metadata"]["name"] = obj["metadata"].get("name") or obj["metadata"]["uid"]


def prepare_update(resource: Resource, new: Object, old: Object) -> None:
    """Reset what an update of the main resource may not change."""
    if resource in _WITH_STATUS:
        _keep(new, old, "status")
    if resource in _COUNTED:
        count_generation(new, old)
    if resource is resources.POD_TEMPLATES and new.get("template") != old.get("template"):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    if resource is resources.NAMESPACES:
        _keep(new, old, "spec")
    elif resource is resources.SECRETS:
        _merge_string_data(new)


def prepare_status(resource: Resource, new: Object, old: Object, now: datetime) -> None:
    """Keep everything but status and metadata; a pod's owners too, which old kubelets would lose."""
    _keep_but(new, old, "status")
    if resource is resources.PERSISTENT_VOLUMES:
        _date_phase(new.setdefault("status", {}), old.get("status") or {}, now)
    if resource is resources.PODS:
        _keep(new["metadata"], old["metadata"], "ownerReferences")
    if resource is resources.PODS and "status" in new:
        new["status"].setdefault("qosClass", old.get("status", {}).get("qosClass"))


def prepare_finalize(new: Object, old: Object) -> None:
    """Keep everything but a namespace's own finalizers and its metadata."""
    finalizers = (new.get("spec") or {}).get("finalizers") or []
    _keep_but(new, old, "spec")
    new["spec"] = {"finalizers": finalizers} if finalizers else {}


def set_creation_metadata(resource: Resource, obj: Object, *, namespace: str, uid: str, now: datetime) -> None:
    """Set what the server alone decides about a new object."""
    metadata = obj["metadata"]
    for name in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"):
        metadata.pop(name, None)
    metadata.pop("generation", None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = format_time(now)
    if resource.namespaced:
        metadata["namespace"] = namespace


def keep_system_metadata(new: Object, old: Object) -> None:
    """Take over what an update cannot change in silence; what it may not even try to is validation's matter."""
    fresh, kept = new["metadata"], old["metadata"]
    fresh.pop("managedFields", None)
    fresh.pop("selfLink", None)
    for name in ("uid", "creationTimestamp", "namespace", "generation"):
        _keep(fresh, kept, name)
    if "deletionTimestamp" in kept:
        fresh["deletionTimestamp"] = kept["deletionTimestamp"]
    if "deletionGracePeriodSeconds" in kept:
        fresh.setdefault("deletionGracePeriodSeconds", kept["deletionGracePeriodSeconds"])


def allows_unconditional_update(resource: Resource) -> bool:
    """Tell whether an update without resourceVersion is taken."""
    return resource not in _UNCONDITIONAL_REFUSED


def allows_create_on_update(resource: Resource) -> bool:
    """Tell whether PUT of a missing object creates it."""
    return resource in _CREATE_ON_UPDATE


def returns_deleted_object(resource: Resource) -> bool:
    """Tell whether a deletion answers with the object instead of a Status."""
    return resource in _RETURNS_OBJECT


def grace_period_s(resource: Resource, obj: Object, asked: int | None) -> int:
    """Return how long a deletion lets the object live on; 0 is at once.

    An object that is going already lives as long as it has been told, unless something else is asked for.
    """
    if resource is not resources.PODS:
        return 0
    if "deletionTimestamp" in obj["metadata"]:
        left = obj["metadata"].get("deletionGracePeriodSeconds", 0)
        return left if asked is None or not left else 1 if asked < 0 else asked
    spec, status = obj.get("spec", {}), obj.get("status", {})
    period = asked if asked is not None else spec.get("terminationGracePeriodSeconds", 30)
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        period = 0
    return 1 if period < 0 else int(period)


def mark_deleted(obj: Object, grace_s: int, now: datetime) -> bool:
    """Set the deletion fields; a later deletion only shortens. Return whether anything changed."""
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        left = metadata.get("deletionGracePeriodSeconds", 0)
        if grace_s >= left:
            return False
        due = parse_time(metadata["deletionTimestamp"]) - timedelta(seconds=left) + timedelta(seconds=grace_s)
        if due < now:  # all of it has passed: as little as leaves somebody the time to see it
            due, grace_s = now, min(grace_s, 1)
        metadata["deletionTimestamp"] = format_time(due)
        metadata["deletionGracePeriodSeconds"] = grace_s
        return True
    if metadata.get("generation"):
        metadata["generation"] += 1  # whoever acts on the object must not go on as if nothing had happened
    metadata["deletionTimestamp"] = format_time(now + timedelta(seconds=grace_s))
    metadata["deletionGracePeriodSeconds"] = grace_s
    return True


def is_finished(resource: Resource, obj: Object) -> bool:
    """Tell whether an object that is being deleted has nothing left that holds it."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if resource is resources.NAMESPACES and obj.get("spec", {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")


def _keep_but(new: Object, old: Object, part: str) -> None:
    """Take everything but one part, and metadata, from the old object."""
    kept = {name: value for name, value in old.items() if name not in (part, "metadata")}
    own = {name: new[name] for name in (part, "metadata") if name in new}
    new.clear()
    new.update(kept | own)


def _keep(new: Object, old: Object, name: str) -> None:
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)


def _date_phase(status: Object, before: Object, now: datetime) -> None:
    """Say since when a volume's phase is what it is, unless who writes it does."""
    told, known = status.get(_SINCE), before.get(_SINCE)
    if status.get("phase") != before.get("phase"):
        status[_SINCE] = format_time(now) if told in (None, known) else told
    elif told is None and known is not None:
        status[_SINCE] = known


def _merge_string_data(secret: Object) -> None:
    plain = secret.pop("stringData", None) or {}
    if plain:
        data = secret.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode(value.encode()).decode()


def _taint_new_node(node: Object) -> None:
    """Keep pods away from a node until its controller has seen that it is ready."""
    taints = node.setdefault("spec", {}).setdefault("taints", [])
    if not any((taint.get("key"), taint.get("effect")) == (NOT_READY, "NoSchedule") for taint in taints):
        taints.append({"key": NOT_READY, "effect": "NoSchedule"})
