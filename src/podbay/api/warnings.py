"""What Kubernetes accepts with a warning: old labels, doubled variables and ports, names that make poor host names.

Takes a new or changed, defaulted, valid object; gives texts for the response's Warning headers. Invariant: a warning
never changes the outcome.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#warnings
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from podbay.api import names, resources
from podbay.api.quantity import Quantity
from podbay.api.resources import Resource
from podbay.api.volume_binding import OLD_CLASS, annotations_of

_OLD_NODE_LABELS: Final = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_OLD_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_CLASS_TEXT: Final = 'deprecated since v1.8; use "storageClassName" attribute instead'
_RECYCLE_TEXT: Final = (
    "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
)
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_SECCOMP_TEXT: Final = r"non-functional in v1.27+; use the \"seccompProfile\" field instead"  # upstream's backslashes


def warnings_on_create(resource: Resource, obj: Mapping[str, Any]) -> list[str]:
    """Return the warnings that upstream gives when such an object is created."""
    if resource is resources.PODS:
        return [*_of_name(obj), *_of_pod(obj)]
    if resource is resources.POD_TEMPLATES:
        return [f"template.{text}" for text in _of_pod(obj.get("template") or {})]
    if resource is resources.RUNTIME_CLASSES:
        return list(_of_runtime_class(obj))
    if resource is resources.PERSISTENT_VOLUMES:
        return list(_of_volume(obj))
    if resource is resources.PERSISTENT_VOLUME_CLAIMS:
        return list(_of_claim(obj))
    if resource is resources.STORAGE_CLASSES:
        return list(_of_storage_class(obj))
    if resource is resources.RESOURCE_QUOTAS:
        return list(_of_quota(obj))
    return []


def warnings_on_update(resource: Resource, new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """Return the warnings that upstream gives when such an object takes another's place."""
    if resource in (resources.PODS, resources.RESOURCE_QUOTAS):
        return []
    if resource is resources.POD_TEMPLATES and new["metadata"].get("generation") == old["metadata"].get("generation"):
        return []
    return warnings_on_create(resource, new)


def _of_runtime_class(obj: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted((obj.get("scheduling") or {}).get("nodeSelector") or ()):
        if key in _OLD_NODE_LABELS:
            yield f"scheduling.nodeSelector: {_OLD_NODE_LABELS[key]}"


def _of_quota(quota: Mapping[str, Any]) -> Iterator[str]:
    hard = (quota.get("spec") or {}).get("hard") or {}
    for name in ("cpu", "memory", "storage", "ephemeral-storage"):
        request = f"requests.{name}"
        if request not in hard and name in ("cpu", "memory"):
            request = name
        least, most = hard.get(request), hard.get(f"limits.{name}")
        if least is not None and most is not None and Quantity.parse(least) > Quantity.parse(most):
            yield f"ResourceQuota {request} ({least}) should be less than limits.{name} ({most})"


def _of_volume(volume: Mapping[str, Any]) -> Iterator[str]:
    yield from _old_class(volume)
    spec = volume["spec"]
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        yield f"spec.persistentVolumeReclaimPolicy: {_RECYCLE_TEXT}"
    needed = (spec.get("nodeAffinity") or {}).get("required") or {}
    yield from _old_labels_of_terms(needed, "spec.nodeAffinity.required")


def _of_claim(claim: Mapping[str, Any]) -> Iterator[str]:
    yield from _old_class(claim)
    yield from _of_claimed(claim["spec"], "spec")


def _of_claimed(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _fractions(spec, f"{path}.resources", of=("storage",), kinds=("requests", "limits"))


def _of_storage_class(obj: Mapping[str, Any]) -> Iterator[str]:
    for i, term in enumerate(obj.get("allowedTopologies") or ()):
        for j, expression in enumerate(term.get("matchLabelExpressions") or ()):
            if expression.get("key") in _OLD_NODE_LABELS:
                text = _OLD_NODE_LABELS[expression["key"]]
                yield f"allowedTopologies[{i}].matchLabelExpressions[{j}].key: {text}"


def _old_class(obj: Mapping[str, Any]) -> Iterator[str]:
    if OLD_CLASS in annotations_of(obj):
        yield f"metadata.annotations[{OLD_CLASS}]: {_CLASS_TEXT}"


def _of_name(pod: Mapping[str, Any]) -> Iterator[str]:
    if problems := names.dns1123_label_problems((pod.get("metadata") or {}).get("name") or ""):
        yield (
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label "
            f"is recommended: [{' '.join(problems)}]"
        )


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    yield from _old_labels(spec)
    annotations = metadata.get("annotations") or {}
    for key, text in _OLD_ANNOTATIONS.items():
        if key in annotations:
            yield f"metadata.annotations[{key}]: {text}"
    for key in sorted(annotations):
        if key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER):
            yield f"metadata.annotations[{key}]: {_SECCOMP_TEXT}"
    for i, volume in enumerate(spec.get("volumes") or ()):
        template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate") or {}
        yield from _of_claimed(template.get("spec") or {}, f"spec.volumes[{i}].ephemeral.volumeClaimTemplate.spec")
    yield from _odd_pull_secrets([reference.get("name") or "" for reference in spec.get("imagePullSecrets") or ()])
    containers = spec.get("containers") or ()
    for i, container in enumerate(containers):
        yield from _fractions(container, f"spec.containers[{i}].resources")
        yield from _hidden_variables(container, f"spec.containers[{i}].env")
    yield from _doubled_ports(containers)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        text = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"spec.terminationGracePeriodSeconds: {text}"


def _old_labels(spec: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(spec.get("nodeSelector") or ()):
        if key in _OLD_NODE_LABELS:
            yield f"spec.nodeSelector[{key}]: {_OLD_NODE_LABELS[key]}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    yield from _old_labels_of_terms(needed, path)


def _old_labels_of_terms(selector: Mapping[str, Any], path: str) -> Iterator[str]:
    for i, term in enumerate(selector.get("nodeSelectorTerms") or ()):
        for j, expression in enumerate(term.get("matchExpressions") or ()):
            key = expression.get("key", "")
            if key in _OLD_NODE_LABELS:
                yield f"{path}.nodeSelectorTerms[{i}].matchExpressions[{j}].key: {key} is {_OLD_NODE_LABELS[key]}"


def _odd_pull_secrets(named: Sequence[str]) -> Iterator[str]:
    for i, name in enumerate(named):
        if name in named[:i]:
            yield f'spec.imagePullSecrets[{i}].name: duplicate name "{name}"'
    for i, name in enumerate(named):
        if not name:
            yield f'spec.imagePullSecrets[{i}].name: invalid empty name ""'


def _fractions(
    holder: Mapping[str, Any],
    path: str,
    *,
    of: Sequence[str] = ("memory", "ephemeral-storage"),
    kinds: Sequence[str] = ("limits", "requests"),
) -> Iterator[str]:
    for name in of:
        for kind in kinds:
            amounts = (holder.get("resources") or {}).get(kind) or {}
            if name in amounts and Quantity.parse(amounts[name]).milli % 1000:
                text = f'fractional byte value "{amounts[name]}" is invalid, must be an integer'
                yield f"{path}.{kind}[{name}]: {text}"


def _hidden_variables(container: Mapping[str, Any], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for i, variable in enumerate(container.get("env") or ()):
        name, value = variable.get("name", ""), variable.get("value", "")
        reference = f"$({name})"
        builds_on = variable.get("valueFrom") is None and reference in value and value != reference
        if name in seen and not builds_on:
            yield f'{path}[{i}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


def _doubled_ports(containers: Any) -> Iterator[str]:
    seen: dict[tuple[int, str], list[tuple[str, int, str]]] = {}
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            here = f"spec.containers[{i}].ports[{j}]"
            host, address = port.get("hostPort") or 0, port.get("hostIP") or ""
            others = seen.setdefault((port.get("containerPort") or 0, port.get("protocol") or ""), [])
            for where, other_host, other_address in others:
                if (address, host) == (other_address, other_host):
                    yield f"{here}: duplicate port definition with {where}"
                elif not host or not other_host:
                    yield f"{here}: overlapping port definition with {where}"
                elif host == other_host and bool(address) != bool(other_address):
                    yield f"{here}: dangerously ambiguous port definition with {where}"
            others.append((here, host, address))
