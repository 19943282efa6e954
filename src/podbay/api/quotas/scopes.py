"""The scopes of quotas: which pods a quota is about.

Pure. Takes a quota and a pod; tells whether they match. Invariant: a quota with a scope is about pods alone.
Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from podbay.api import resources
from podbay.api.qos import BEST_EFFORT, qos_class
from podbay.api.resources import Resource
from podbay.api.selectors import LabelSelector

Object = Mapping[str, Any]

HELP: Final = {
    "Terminating": "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before"
    " being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. These pods usually include long running"
    " pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a best effort quality"
    " of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. These pods have a burstable or"
    " guaranteed quality of service.",
}


def matches_scopes(quota: Object, resource: Resource, obj: Object) -> bool:
    """Tell whether all of a quota's scopes are about an object."""
    return all(resource is resources.PODS and _matches(scope, obj) for scope in _selectors(quota))


def _selectors(quota: Object) -> Iterator[Object]:
    """Yield a quota's scopes in the long form."""
    spec = quota.get("spec") or {}
    yield from ({"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ())
    yield from (spec.get("scopeSelector") or {}).get("matchExpressions") or ()


def _matches(scope: Object, pod: Object) -> bool:
    match scope.get("scopeName"):
        case "Terminating":
            return _has_deadline(pod)
        case "NotTerminating":
            return not _has_deadline(pod)
        case "BestEffort":
            return qos_class(pod) == BEST_EFFORT
        case "NotBestEffort":
            return qos_class(pod) != BEST_EFFORT
        case "PriorityClass":
            return _is_of_class(scope, pod)
        case "CrossNamespacePodAffinity":
            return any(map(_crosses_namespaces, _affinity_terms(pod)))
        case _:
            return False


def _has_deadline(pod: Object) -> bool:
    deadline_s = pod["spec"].get("activeDeadlineSeconds")
    return deadline_s is not None and deadline_s >= 0


def _is_of_class(scope: Object, pod: Object) -> bool:
    name = pod["spec"].get("priorityClassName")
    wanted = {"key": "PriorityClass", "operator": scope.get("operator"), "values": scope.get("values") or ()}
    return LabelSelector.of_object({"matchExpressions": [wanted]}).matches({"PriorityClass": name} if name else {})


def _affinity_terms(pod: Object) -> Iterator[Object]:
    affinity = pod["spec"].get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        yield from terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}


def _crosses_namespaces(term: Object) -> bool:
    return bool(term.get("namespaces")) or term.get("namespaceSelector") is not None
