"""How evenly the pods of a group lie over the domains of a topology, and which nodes keep it so.

Pure. Takes a pod and every node's state; counts once per decision how many of the group each domain has, then answers
for one node after the other.
Invariant: only nodes that have every constraint's topology key count, and only pods of the same namespace that are not
ending.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from podbay.api.selectors import LabelSelector, Requirement
from podbay.scheduler.filters import Plugin, Refusal, has_untolerated_taint, matches_node_affinity
from podbay.scheduler.snapshot import NodeState, PodNeeds

_UNEVEN: Final = "node(s) didn't match pod topology spread constraints"
_TOO_MANY: Final = Refusal(Plugin.POD_TOPOLOGY_SPREAD, (_UNEVEN,), preemptible=True)
_NO_DOMAIN: Final = Refusal(Plugin.POD_TOPOLOGY_SPREAD, (f"{_UNEVEN} (missing required label)",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """One constraint, with its defaults."""

    topology_key: str
    max_skew: int
    selector: LabelSelector
    min_domains: int = 1
    honours_affinity: bool = True
    honours_taints: bool = False

    def counts_on(self, pod: Mapping[str, Any], state: NodeState) -> bool:
        """Tell whether a node's pods count: those of nodes that the pod could never go to may be left out."""
        if self.honours_affinity and not matches_node_affinity(pod, state):
            return False
        return not (self.honours_taints and has_untolerated_taint(pod, state))

    def count(self, needs: PodNeeds, state: NodeState) -> int:
        """Return how many pods of the group a node has."""
        return sum(
            other.namespace == needs.namespace and not other.is_ending and self.selector.matches(other.labels)
            for other in state.pods.values()
        )


class SpreadFilter:
    """What one pod's hard constraints say about each node."""

    def __init__(self, pod: Mapping[str, Any], needs: PodNeeds, states: Collection[NodeState]) -> None:
        self._needs = needs
        self._constraints = constraints_of(pod, "DoNotSchedule")
        self._counts = _counts(self._constraints, pod, needs, states)

    def refusal(self, state: NodeState) -> Refusal | None:
        """Return why a node does not take the pod, or None."""
        for constraint, counts in zip(self._constraints, self._counts, strict=True):
            value = state.labels.get(constraint.topology_key)
            if value is None:
                return _NO_DOMAIN
            least = min(counts.values(), default=0) if len(counts) >= constraint.min_domains else 0
            itself = constraint.selector.matches(self._needs.labels)
            if counts.get(value, 0) + itself - least > constraint.max_skew:
                return _TOO_MANY
        return None


def spread_scores(
    pod: Mapping[str, Any], needs: PodNeeds, states: Collection[NodeState], fitting: Sequence[NodeState]
) -> list[int]:
    """Return 0 to 100 for each fitting node: the fewer of the group its domains have, the more."""
    constraints = constraints_of(pod, "ScheduleAnyway")
    if not constraints:
        return [0] * len(fitting)
    scored = [state for state in fitting if _has_domains(constraints, state)]
    counts = _counts(constraints, pod, needs, states)
    sizes = [len({state.labels[constraint.topology_key] for state in scored}) for constraint in constraints]
    totals = {
        state.name: round(
            sum(
                count.get(state.labels[constraint.topology_key], 0) * math.log(size + 2) + constraint.max_skew - 1
                for constraint, count, size in zip(constraints, counts, sizes, strict=True)
            )
        )
        for state in scored
    }
    least, most = min(totals.values(), default=0), max(totals.values(), default=0)

    def score(state: NodeState) -> int:
        if state.name not in totals:
            return 0
        return 100 * (most + least - totals[state.name]) // most if most else 100

    return [score(state) for state in fitting]


def constraints_of(pod: Mapping[str, Any], kind: str) -> list[Constraint]:
    """Return a pod's constraints of one kind: ``DoNotSchedule`` or ``ScheduleAnyway``."""
    labels = pod["metadata"].get("labels") or {}
    found = []
    for constraint in pod["spec"].get("topologySpreadConstraints") or ():
        if constraint["whenUnsatisfiable"] != kind:
            continue
        selector = LabelSelector.of_object(constraint.get("labelSelector"))
        same = [
            Requirement(key, "in", (labels[key],)) for key in constraint.get("matchLabelKeys") or () if key in labels
        ]
        found.append(
            Constraint(
                topology_key=constraint["topologyKey"],
                max_skew=constraint["maxSkew"],
                selector=replace(selector, requirements=(*selector.requirements, *same)),
                min_domains=constraint.get("minDomains") or 1,
                honours_affinity=constraint.get("nodeAffinityPolicy") != "Ignore",
                honours_taints=constraint.get("nodeTaintsPolicy") == "Honor",
            )
        )
    return found


def _counts(
    constraints: Sequence[Constraint], pod: Mapping[str, Any], needs: PodNeeds, states: Collection[NodeState]
) -> list[Counter[str]]:
    """Return for each constraint how many pods of the group each domain has; a domain without any has 0."""
    found: list[Counter[str]] = [Counter() for _ in constraints]
    for state in states if constraints else ():
        if not _has_domains(constraints, state):
            continue
        for constraint, counts in zip(constraints, found, strict=True):
            if constraint.counts_on(pod, state):
                counts[state.labels[constraint.topology_key]] += constraint.count(needs, state)
    return found


def _has_domains(constraints: Sequence[Constraint], state: NodeState) -> bool:
    return all(constraint.topology_key in state.labels for constraint in constraints)
