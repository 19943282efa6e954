"""The admission of runtime classes: what a pod's class adds to it.

Takes the stored classes and a new pod; changes the pod in place, or raises Forbidden in upstream's words.
Invariant: a stored pod's overhead is what its class had when the pod was made, and nobody else sets it.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#runtimeclass ; KEP-585, KEP-688.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.quantity import Quantity
from podbay.api.resources import RUNTIME_CLASSES, Resource
from podbay.apiserver.storage.objects import Objects

Object = dict[str, Any]


def admit_runtime_class(objects: Objects, resource: Resource, pod: Object) -> None:
    """Give a new pod the overhead, node selector and tolerations of its class. Raises Forbidden."""
    if resource is not resources.PODS:
        return
    spec = pod["spec"]
    name = spec.get("runtimeClassName")
    found: Mapping[str, Any] = {}
    if name is not None:
        entry = objects.cache.of(RUNTIME_CLASSES).entries.get(objects.key(RUNTIME_CLASSES, "", name))
        if entry is None:
            raise _forbidden(pod, f'pod rejected: RuntimeClass "{name}" not found')
        found = entry.object()
    _set_overhead(pod, found.get("overhead"))
    scheduling = found.get("scheduling")
    if scheduling:
        _set_selector(pod, scheduling.get("nodeSelector") or {})
        merged = merge_tolerations(spec.get("tolerations") or (), scheduling.get("tolerations") or ())
        if merged:
            spec["tolerations"] = merged


def merge_tolerations(first: Sequence[Object], second: Sequence[Object]) -> list[Object]:
    """Return both lists without those that another one covers; of two equal ones the first stays."""
    every = [*first, *second]
    merged: list[Object] = []
    for at, toleration in enumerate(every):
        covered = any(_covers(other, toleration) for other in merged) or any(
            other != toleration and _covers(other, toleration) for other in every[at + 1 :]
        )
        if not covered:
            merged.append(toleration)
    return merged


def _covers(wide: Object, narrow: Object) -> bool:
    """Tell whether a toleration tolerates all that another one does."""
    if wide == narrow:
        return True
    operator = wide.get("operator") or "Equal"
    if (wide.get("key") or "") != (narrow.get("key") or "") and (wide.get("key") or operator != "Exists"):
        return False
    if (wide.get("effect") or "") not in ("", narrow.get("effect") or ""):
        return False
    seconds, narrow_seconds = wide.get("tolerationSeconds"), narrow.get("tolerationSeconds")
    is_limited = wide.get("effect") == "NoExecute" and seconds is not None
    if is_limited and (narrow_seconds is None or narrow_seconds > seconds):
        return False
    if operator == "Exists":
        return True
    return narrow.get("operator") == "Equal" and (narrow.get("value") or "") == (wide.get("value") or "")


def _set_overhead(pod: Object, overhead: Mapping[str, Any] | None) -> None:
    spec = pod["spec"]
    given = spec.get("overhead")
    if overhead is None:
        if given is not None:
            why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
            raise _forbidden(pod, why)
        return
    fixed = overhead.get("podFixed") or {}
    if given is not None and _amounts(given) != _amounts(fixed):
        raise _forbidden(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    spec.pop("overhead", None)
    if fixed:
        spec["overhead"] = dict(fixed)


def _amounts(quantities: Mapping[str, Any]) -> dict[str, Quantity]:
    return {name: Quantity.parse(value) for name, value in quantities.items()}


def _set_selector(pod: Object, selector: Mapping[str, str]) -> None:
    if not selector:
        return
    own = pod["spec"].get("nodeSelector") or {}
    for key, value in selector.items():
        if own.get(key, value) != value:
            raise _forbidden(
                pod,
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value};"
                f" pod.spec.nodeSelector[{key}] = {own[key]}",
            )
    pod["spec"]["nodeSelector"] = {**own, **selector}


def _forbidden(pod: Object, why: str) -> Forbidden:
    name = pod["metadata"].get("name") or pod["metadata"].get("generateName", "")
    return Forbidden(f'pods "{name}" is forbidden: {why}', details={"name": name, "kind": "pods"})
