"""The admission of pods by their namespace's standards: refused where they are enforced, told of where they warn.

Takes a valid object that is about to be stored; gives warnings, or raises Forbidden, or Invalid for a namespace whose
labels mean nothing, all in upstream's words. What
``audit`` asks for, and which standard was enforced, goes to the audit log as annotations.
Invariant: a pod that is there is left alone, whatever its namespace asks for later; only a container that is new or has
another image is looked at again.
Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.pod_containers import each_container
from podbay.api.pod_security import PREFIX, Standard, label_causes, policy_of, reasons, violations
from podbay.api.resources import Resource
from podbay.api.validation import invalid_object
from podbay.apiserver.storage.objects import Objects
from podbay.lib.clock import Clock

Object = Mapping[str, Any]
Annotate = Callable[[str, str], None]

_MOST_PODS: Final = 3000
_PATIENCE_S: Final = 1.0  # for the pods of one namespace
_AT_ONCE: Final = 50  # pods, before others have their turn


async def admit_pod_security(
    objects: Objects, clock: Clock, resource: Resource, new: Object, old: Object | None, annotate: Annotate
) -> list[str]:
    """Return the warnings of a new or changed object, and have noted how it was judged. Raises Forbidden, Invalid."""
    if resource is resources.NAMESPACES:
        return await _admit_namespace(objects, clock, new, old)
    if resource is resources.PODS:
        labels = await _labels(objects, new["metadata"]["namespace"])
        policy, problem = policy_of(labels), _problem(labels)
        if not problem and policy.asks_nothing:
            annotate(f"{PREFIX}enforce-policy", str(Standard()))
        elif old is None or _is_significant(new["spec"], old["spec"]):
            _note_problem(problem, annotate)
            annotate(f"{PREFIX}enforce-policy", str(policy.enforce))
            _audit(policy.audit, new["metadata"], new["spec"], annotate)
            _enforce(policy.enforce, new)
            return _warn(policy.warn, new["metadata"], new["spec"])
    if resource is resources.POD_TEMPLATES:
        template = new["template"]
        labels = await _labels(objects, new["metadata"]["namespace"])
        policy, problem = policy_of(labels), _problem(labels)
        _note_problem(problem, annotate)
        _audit(policy.audit, template["metadata"], template["spec"], annotate)
        return _warn(policy.warn, template["metadata"], template["spec"])
    return []


async def _labels(objects: Objects, namespace: str) -> Mapping[str, str]:
    """Return a namespace's labels. The cache is fresh: it was asked for the namespace, or for the old object."""
    return (await objects.get(resources.NAMESPACES, "", namespace, resource_version="0")).labels


def _problem(labels: Mapping[str, str]) -> str:
    """Return what is wrong with the labels of a namespace that was there before they were looked at."""
    texts = [f"{cause.field}: {cause.message}" for cause in label_causes(labels)]
    return f"[{', '.join(texts)}]" if len(texts) > 1 else "".join(texts)


def _note_problem(problem: str, annotate: Annotate) -> None:
    if problem:
        annotate(f"{PREFIX}error", f"Failed to parse policy: {problem}")


def _audit(standard: Standard, metadata: Object, spec: Object, annotate: Annotate) -> None:
    for would in _warn(standard, metadata, spec):
        annotate(f"{PREFIX}audit-violations", would)


def _enforce(standard: Standard, pod: Object) -> None:
    metadata = pod["metadata"]
    if found := violations(standard, metadata, pod["spec"]):
        told = ", ".join(map(str, found))
        raise Forbidden(
            f'pods "{metadata["name"]}" is forbidden: violates PodSecurity "{standard}": {told}',
            details={"name": metadata["name"], "kind": "pods"},
        )


def _warn(standard: Standard, metadata: Object, spec: Object) -> list[str]:
    found = violations(standard, metadata, spec)
    return [f'would violate PodSecurity "{standard}": {", ".join(map(str, found))}'] if found else []


def _is_significant(new: Object, old: Object) -> bool:
    """Tell whether a pod's change is one that may break a standard."""
    before = {container["name"]: container.get("image") for _, container in each_container(old)}
    return any(
        container["name"] not in before or before[container["name"]] != container.get("image")
        for _, container in each_container(new)
    )


async def _admit_namespace(objects: Objects, clock: Clock, new: Object, old: Object | None) -> list[str]:
    labels = new["metadata"].get("labels") or {}
    causes = label_causes(labels)
    name = new["metadata"]["name"]
    if old is None:
        if causes:
            raise invalid_object(resources.NAMESPACES, name, causes)
        return []
    old_labels = old["metadata"].get("labels") or {}
    if causes and causes != label_causes(old_labels):
        raise invalid_object(resources.NAMESPACES, name, causes)
    wanted, had = policy_of(labels).enforce, policy_of(old_labels).enforce
    if wanted == had or wanted.asks_nothing or (wanted.minor == had.minor and not wanted.is_stricter_than(had)):
        return []
    return await _tell_of_pods(objects, clock, name, wanted)


async def _tell_of_pods(objects: Objects, clock: Clock, namespace: str, standard: Standard) -> list[str]:
    """Return warnings about the pods of a namespace that would be refused from now on; they are left alone."""
    pods = _one_of_each_owner([entry.object() for entry in objects.in_namespace(resources.PODS, namespace)])
    late = clock.monotonic() + _PATIENCE_S
    names: dict[str, list[str]] = {}
    checked = 0
    for pod in pods[:_MOST_PODS]:
        if found := violations(standard, pod["metadata"], pod["spec"]):
            names.setdefault(reasons(found), []).append(pod["metadata"]["name"])
        checked += 1
        if not checked % _AT_ONCE:
            await asyncio.sleep(0)
        if clock.monotonic() > late:
            break
    told = []
    if checked < len(pods):
        told.append(
            f"new PodSecurity enforce level only checked against the first {checked} of {len(pods)} existing pods"
        )
    if names:
        told.append(f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{standard}"')
    return told + sorted(f"{_shown(pods_of)}: {why}" for why, pods_of in names.items())


def _one_of_each_owner(pods: Iterable[Object]) -> list[Object]:
    """Return pods with those last that another pod of the same controller stands for."""
    first: list[Object] = []
    others: list[Object] = []
    seen: set[str] = set()
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        owner = next((one["uid"] for one in owners if one.get("controller")), None)
        (others if owner in seen else first).append(pod)
        if owner is not None:
            seen.add(owner)
    return first + others


def _shown(names: list[str]) -> str:
    others = len(names) - 1
    return min(names) + (f" (and {others} other pod{'s' if others > 1 else ''})" if others else "")
