"""Whom to evict so that a pod of higher priority fits: the fewest and least important pods of one node.

Pure. Takes the pod, why each node refused it, and the nodes; gives a node with its victims, or for each node why
evicting does not help.
Invariant: a victim's priority is below the pod's; no pod is a victim without whose eviction the pod would fit, too.
A pod whose disruption budget has nothing left is spared where another one will do.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/#preemption
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.scheduler.affinity_terms import LabelsOfNamespace
from podbay.scheduler.budgets import violating
from podbay.scheduler.filters import Refusal, refusal_of
from podbay.scheduler.pod_affinity import PodAffinityFilter
from podbay.scheduler.snapshot import NodeState, PodNeeds
from podbay.scheduler.topology_spread import SpreadFilter
from podbay.scheduler.volumes import VolumeFilter

HOPELESS: Final = "Preemption is not helpful for scheduling"
NO_VICTIMS: Final = "No preemption victims found for incoming pod"
TERMINATING: Final = "not eligible due to terminating pod on the nominated node."
NEVER: Final = "not eligible due to preemptionPolicy=Never."
_LOWEST: Final = 2**31  # so that sums of priorities of many pods are above those of few
_LEAST_CANDIDATES: Final = 100  # upstream looks at a tenth of the nodes, but at no fewer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that would take the pod, and the keys of the pods that would have to go, the most important first."""

    node: str
    victims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preemption:
    """``candidate``, or the reasons against each node (``reasons``)."""

    candidate: Candidate | None = None
    reasons: tuple[str, ...] = ()


def ineligible(pod: Mapping[str, Any], needs: PodNeeds, nominated: NodeState | None) -> str:
    """Return why a pod may not evict anybody (again), or nothing. ``nominated``: the node that was cleared for it."""
    if pod["spec"].get("preemptionPolicy") == "Never":
        return NEVER
    if nominated is not None and any(
        other.is_ending and other.priority < needs.priority for other in nominated.pods.values()
    ):
        return TERMINATING
    return ""


def find_candidate(
    pod: Mapping[str, Any],
    needs: PodNeeds,
    refusals: Mapping[str, Refusal],
    states: Collection[NodeState],
    labels_of: LabelsOfNamespace,
    volumes: VolumeFilter | None = None,
    budgets: Collection[Mapping[str, Any]] = (),
) -> Preemption:
    """Return the best node to clear. ``refusals`` are by node; a node whose refusal no eviction mends is left out."""
    found: list[tuple[tuple[Any, ...], Candidate]] = []
    reasons: list[str] = []
    most = max(_LEAST_CANDIDATES, len(states) // 10)
    attempt = _Attempt(pod, needs, states, labels_of, volumes, budgets)
    for state in states:
        if not refusals[state.name].preemptible:
            reasons.append(HOPELESS)
        elif len(found) < most:
            victims, broken, why = attempt.victims_on(state)
            if victims:
                cost = (broken, *_cost([state.pods[key] for key in victims]))
                found.append((cost, Candidate(state.name, tuple(victims))))
            reasons += why
    if not found:
        return Preemption(reasons=tuple(reasons))
    return Preemption(min(found, key=lambda pair: pair[0])[1])


class _Attempt:
    """What-if questions about one pod."""

    def __init__(
        self,
        pod: Mapping[str, Any],
        needs: PodNeeds,
        states: Collection[NodeState],
        labels_of: LabelsOfNamespace,
        volumes: VolumeFilter | None,
        budgets: Collection[Mapping[str, Any]],
    ) -> None:
        self._budgets = budgets
        self._volumes = volumes
        self._pod = pod
        self._needs = needs
        self._states = states
        self._labels_of = labels_of
        self._asks_neighbours = bool(
            needs.affinity
            or pod["spec"].get("topologySpreadConstraints")
            or any(state.pods_with_affinity for state in states)
        )

    def victims_on(self, state: NodeState) -> tuple[list[str], int, Sequence[str]]:
        """Return whom to evict and how many of them against their budgets, or why nobody's eviction helps."""
        lower = {key: other for key, other in state.pods.items() if other.priority < self._needs.priority}
        if not lower:
            return [], 0, (NO_VICTIMS,)
        cleared = state.supposing(removed=lower)
        refusal = self._refusal(cleared)
        if refusal is not None:
            return [], 0, refusal.reasons
        victims = []
        ordered = {key: lower[key] for key in sorted(lower, key=lambda key: _importance(lower[key]))}
        against = violating(ordered, self._budgets)
        for key in sorted(ordered, key=lambda key: key not in against):  # whom a budget holds is spared first
            with_it = cleared.supposing(added={key: lower[key]})
            if self._refusal(with_it) is None:
                cleared = with_it
            else:
                victims.append(key)
        victims.sort(key=lambda key: _importance(lower[key]))
        return victims, len(against.intersection(victims)), ()

    def _refusal(self, state: NodeState) -> Refusal | None:
        refusal = refusal_of(self._pod, self._needs, state)
        if refusal is None and self._volumes is not None:
            refusal = self._volumes.refusal(state)
        if refusal is not None or not self._asks_neighbours:
            return refusal
        supposed = [state if other.name == state.name else other for other in self._states]
        return SpreadFilter(self._pod, self._needs, supposed).refusal(state) or PodAffinityFilter(
            self._needs, supposed, self._labels_of
        ).refusal(state)


def _importance(needs: PodNeeds) -> tuple[int, str]:
    """Return a key by which the most important pod sorts first: by priority, then by who started earlier."""
    return -needs.priority, needs.start_time or "~"


def _cost(victims: Sequence[PodNeeds]) -> tuple[Any, ...]:
    """Return a key by which the cheapest node sorts first."""
    highest = max(victim.priority for victim in victims)
    earliest = min(victim.start_time or "~" for victim in victims if victim.priority == highest)
    total = sum(victim.priority + _LOWEST for victim in victims)
    # Of nodes that are alike so far the one whose important victims have run for the shortest time.
    return highest, total, len(victims), _Descending(earliest)


@dataclass(frozen=True, slots=True)
class _Descending:
    """A text that sorts the other way round."""

    text: str

    def __lt__(self, other: "_Descending") -> bool:
        return self.text > other.text
