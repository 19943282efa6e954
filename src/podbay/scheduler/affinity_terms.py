"""A pod's wishes about other pods, parsed: with whom it wants to share a topology domain, and with whom not.

Pure. Takes a pod; gives its terms, each of which can be asked whether another pod meets it.
Invariant: a term without namespaces means the namespace of the pod that has it; one without selector means nobody.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.selectors import LabelSelector

LabelsOfNamespace = Callable[[str], Mapping[str, str]]

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """One term. ``weight`` is 0 for a required one."""

    namespaces: frozenset[str]
    of_namespaces: LabelSelector
    selector: LabelSelector
    topology_key: str
    weight: int = 0

    def matches(self, namespace: str, labels: Mapping[str, str], labels_of: LabelsOfNamespace) -> bool:
        """Tell whether a pod with these labels in this namespace is meant."""
        if not self.selector.matches(labels):
            return False
        if namespace in self.namespaces:
            return True
        return not self.of_namespaces.nothing and self.of_namespaces.matches(labels_of(namespace))


@dataclass(frozen=True, slots=True)
class PodAffinity:
    """Every term of a pod."""

    required: tuple[AffinityTerm, ...] = ()
    required_apart: tuple[AffinityTerm, ...] = ()
    preferred: tuple[AffinityTerm, ...] = ()
    preferred_apart: tuple[AffinityTerm, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is any term."""
        return bool(self.required or self.required_apart or self.preferred or self.preferred_apart)


NO_AFFINITY: Final = PodAffinity()


def pod_affinity(pod: Mapping[str, Any]) -> PodAffinity:
    """Return the terms of a pod that passed validation."""
    affinity = pod["spec"].get("affinity") or {}
    together, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    if not together and not apart:
        return NO_AFFINITY
    namespace = pod["metadata"].get("namespace", "")
    return PodAffinity(
        required=_terms(together.get(_REQUIRED) or (), namespace),
        required_apart=_terms(apart.get(_REQUIRED) or (), namespace),
        preferred=_weighted(together.get(_PREFERRED) or (), namespace),
        preferred_apart=_weighted(apart.get(_PREFERRED) or (), namespace),
    )


def _terms(terms: Sequence[Mapping[str, Any]], namespace: str) -> tuple[AffinityTerm, ...]:
    return tuple(_term(term, namespace, 0) for term in terms)


def _weighted(terms: Sequence[Mapping[str, Any]], namespace: str) -> tuple[AffinityTerm, ...]:
    return tuple(_term(term["podAffinityTerm"], namespace, term["weight"]) for term in terms)


def _term(term: Mapping[str, Any], namespace: str, weight: int) -> AffinityTerm:
    namespaces, of_namespaces = term.get("namespaces") or (), term.get("namespaceSelector")
    if not namespaces and of_namespaces is None:
        namespaces = (namespace,)
    return AffinityTerm(
        namespaces=frozenset(namespaces),
        of_namespaces=LabelSelector.of_object(of_namespaces),
        selector=LabelSelector.of_object(term.get("labelSelector")),
        topology_key=term["topologyKey"],
        weight=weight,
    )
