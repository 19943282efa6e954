"""Which nodes the pods that run already leave to a pod, and which of them it would like best.

Pure. Takes a pod's needs and every node's state; counts once per decision how often each topology domain meets a term,
then answers for one node after the other.
Invariant: anti-affinity holds both ways: a running pod that wants to be alone is not joined. The first pod of a group
that wants to be together may go anywhere, or no group could begin.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from podbay.scheduler.affinity_terms import AffinityTerm, LabelsOfNamespace
from podbay.scheduler.filters import Plugin, Refusal
from podbay.scheduler.snapshot import NodeState, PodNeeds

Domain = tuple[str, str]  # topology key, value

_TOGETHER: Final = Refusal(Plugin.INTER_POD_AFFINITY, ("node(s) didn't match pod affinity rules",))
_APART: Final = Refusal(Plugin.INTER_POD_AFFINITY, ("node(s) didn't match pod anti-affinity rules",), preemptible=True)
_LEFT_ALONE: Final = Refusal(
    Plugin.INTER_POD_AFFINITY, ("node(s) didn't satisfy existing pods anti-affinity rules",), preemptible=True
)
_WEIGHT_OF_REQUIRED: Final = 1  # what a running pod's required term counts when nodes are scored


class PodAffinityFilter:
    """What one pod's required terms, and those of the pods that run, say about each node."""

    def __init__(self, needs: PodNeeds, states: Collection[NodeState], labels_of: LabelsOfNamespace) -> None:
        self._needs = needs
        self._labels_of = labels_of
        self._together: Counter[Domain] = Counter()
        self._apart: Counter[Domain] = Counter()
        self._left_alone: Counter[Domain] = Counter()
        terms = needs.affinity
        for state in states:
            for other in state.pods_with_affinity.values():
                self._count(self._left_alone, other.affinity.required_apart, needs, state)
            if not terms.required and not terms.required_apart:
                continue
            for other in state.pods.values():
                if terms.required and all(self._matches(term, other) for term in terms.required):
                    self._together.update(_domains(terms.required, state))
                self._count(self._apart, terms.required_apart, other, state)

    def refusal(self, state: NodeState) -> Refusal | None:
        """Return why a node does not take the pod, or None."""
        terms, labels = self._needs.affinity, state.labels
        if terms.required and not self._is_together(state):
            return _TOGETHER
        if any(self._apart[domain] > 0 for domain in _domains(terms.required_apart, state)):
            return _APART
        if self._left_alone and any(self._left_alone[domain] > 0 for domain in labels.items()):
            return _LEFT_ALONE
        return None

    def _is_together(self, state: NodeState) -> bool:
        required = self._needs.affinity.required
        domains = _domains(required, state)
        if len(domains) < len(required):
            return False  # the node is in no domain of that kind
        if all(self._together[domain] > 0 for domain in domains):
            return True
        return not self._together and all(self._matches(term, self._needs) for term in required)

    def _count(self, counts: Counter[Domain], terms: Sequence[AffinityTerm], meant: PodNeeds, state: NodeState) -> None:
        counts.update(_domains([term for term in terms if self._matches(term, meant)], state))

    def _matches(self, term: AffinityTerm, other: PodNeeds) -> bool:
        return term.matches(other.namespace, other.labels, self._labels_of)


def pod_affinity_scores(
    needs: PodNeeds, states: Collection[NodeState], fitting: Sequence[NodeState], labels_of: LabelsOfNamespace
) -> list[int]:
    """Return 0 to 100 for each fitting node: how well the preferred terms are met, the pod's and its neighbours'."""
    weights: Counter[Domain] = Counter()

    def weigh(terms: Sequence[AffinityTerm], meant: PodNeeds, state: NodeState, sign: int) -> None:
        for term in terms:
            value = state.labels.get(term.topology_key)
            if value is not None and term.matches(meant.namespace, meant.labels, labels_of):
                weights[term.topology_key, value] += sign * (term.weight or _WEIGHT_OF_REQUIRED)

    asks = bool(needs.affinity.preferred or needs.affinity.preferred_apart)
    for state in states:
        for other in (state.pods if asks else state.pods_with_affinity).values():
            weigh(needs.affinity.preferred, other, state, 1)
            weigh(needs.affinity.preferred_apart, other, state, -1)
            weigh(other.affinity.required, needs, state, 1)
            weigh(other.affinity.preferred, needs, state, 1)
            weigh(other.affinity.preferred_apart, needs, state, -1)
    if not weights:
        return [0] * len(fitting)
    totals = [sum(weights.get(domain, 0) for domain in state.labels.items()) for state in fitting]
    least, spread = min(totals), max(totals) - min(totals)
    return [100 * (total - least) // spread if spread else 0 for total in totals]


def _domains(terms: Sequence[AffinityTerm], state: NodeState) -> list[Domain]:
    labels = state.labels
    return [(term.topology_key, labels[term.topology_key]) for term in terms if term.topology_key in labels]
