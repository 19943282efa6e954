"""Rules of a change of what a pod's containers ask for while they run (``pods/resize``).

Takes pods that differ in nothing else; gives causes. Invariant: only amounts of cpu and memory of containers and
sidecars change, none goes away, and the pod stays in its class of quality of service.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/ ; upstream's
ValidatePodResize.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.mirror_pods import is_mirror
from podbay.api.pod_containers import is_sidecar
from podbay.api.qos import qos_class
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import forbidden, invalid
from podbay.api.validation.metadata import validate_metadata_update
from podbay.api.validation.pods import validate_metadata_and_spec
from podbay.api.validation.resource_requirements import RESIZABLE

Object = Mapping[str, Any]

_IMMUTABLE: Final = {
    "containers": "only cpu and memory resources are mutable",
    "sidecars": "only cpu and memory resources for sidecar containers are mutable",
    "initContainers": "resources for non-sidecar init containers are immutable",
}


def validate_pod_resize(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of what a pod's containers ask for."""
    causes = validate_metadata_update(new, old) + validate_metadata_and_spec(new)
    if is_mirror(old):
        return [forbidden("", "static pods cannot be resized")]
    if (old["spec"].get("os") or {}).get("name") == "windows":
        return [forbidden("", "windows pods cannot be resized")]
    for kind in ("containers", "initContainers"):
        if _names(new["spec"], kind) != _names(old["spec"], kind):
            return [*causes, forbidden(f"spec.{kind}", "a resize may not add, remove, rename or reorder containers")]
    if causes:
        return causes  # amounts that cannot be read are compared with nothing
    was = (old.get("status") or {}).get("qosClass") or qos_class(old)
    if qos_class(new) != was:
        causes.append(invalid("spec", was, "Pod QOS Class may not change as a result of resizing"))
    if not _can_resize(old):
        causes.append(forbidden("spec", "Pod running on node without support for resize"))
    for kind in ("initContainers", "containers"):
        for i, (now, before) in enumerate(zip(new["spec"].get(kind) or (), old["spec"].get(kind) or (), strict=True)):
            group = "sidecars" if kind == "initContainers" and is_sidecar(before) else kind
            if group != "initContainers":
                causes += _changes(now, before, f"spec.{kind}[{i}].resources")
            if _fixed(now, before, may_change=group != "initContainers") != _fixed(before, before, may_change=False):
                causes.append(forbidden("spec", _IMMUTABLE[group]))
    return causes


def _names(spec: Object, kind: str) -> list[str]:
    return [container.get("name") or "" for container in spec.get(kind) or ()]


def _can_resize(pod: Object) -> bool:
    """Tell whether the pod's node can: if so, its kubelet tells the resources of what runs."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if (status.get("state") or {}).get("running") is not None:
            return status.get("resources") is not None
    return True


def _changes(now: Object, before: Object, path: str) -> list[Cause]:
    causes = []
    new, old = now.get("resources") or {}, before.get("resources") or {}
    for kind in ("requests", "limits"):
        if set(old.get(kind) or ()) - set(new.get(kind) or ()):
            causes.append(forbidden(f"{path}.{kind}", f"resource {kind} cannot be removed"))
    policies = {entry.get("resourceName"): entry.get("restartPolicy") for entry in now.get("resizePolicy") or ()}
    limit, previous = (new.get("limits") or {}).get("memory"), (old.get("limits") or {}).get("memory")
    if policies.get("memory") == "RestartContainer" or limit is None:
        return causes
    if previous is None:
        detail = "memory limits cannot be added unless resizePolicy is RestartContainer"
        causes.append(forbidden(f"{path}.limits[memory]", detail))
    elif Quantity.parse(limit) < Quantity.parse(previous):
        detail = "memory limits cannot be decreased unless resizePolicy is RestartContainer"
        causes.append(forbidden(f"{path}.limits[memory]", detail))
    return causes


def _fixed(container: Object, before: Object, *, may_change: bool) -> Object:
    """Return a container with the amounts that may change left out, and empty lists of amounts with them."""
    resources = {}
    for kind, amounts in (container.get("resources") or {}).items():
        kept = (
            {name: Quantity.parse(amount) for name, amount in (amounts or {}).items()}
            if isinstance(amounts, Mapping)
            else amounts
        )
        if may_change and isinstance(kept, dict):
            old = (before.get("resources") or {}).get(kind) or {}
            kept = {name: amount for name, amount in kept.items() if name not in RESIZABLE}
            kept |= {name: Quantity.parse(amount) for name, amount in old.items() if name in RESIZABLE}
        if kept:
            resources[kind] = kept
    return {**container, "resources": resources, "resizePolicy": list(container.get("resizePolicy") or ())}
