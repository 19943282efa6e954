"""One decision: where a pod goes, or why nowhere.

Pure but for the tie's random choice, which is passed in. Takes a pod, its needs and the nodes; gives a node's name, or
the message that the pod's condition and event carry, and the plugins that stood in the way.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/#kube-scheduler-implementation
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.scheduler.affinity_terms import LabelsOfNamespace
from podbay.scheduler.filters import Plugin, Refusal, refusal_of
from podbay.scheduler.pod_affinity import PodAffinityFilter
from podbay.scheduler.preemption import HOPELESS, TERMINATING, Candidate, find_candidate, ineligible
from podbay.scheduler.scores import total_scores
from podbay.scheduler.snapshot import NodeState, PodNeeds
from podbay.scheduler.topology_spread import SpreadFilter
from podbay.scheduler.volumes import NO_VOLUMES, VolumeFilter, VolumePlan, VolumeView

_NO_NODES: Final = "no nodes available to schedule pods"


def _no_labels(namespace: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Decision:
    """``node`` is empty if the pod fits nowhere; then ``message`` says why and ``refused_by`` who said no.

    ``volumes`` is what has to be written for the pod's claims before it is bound.
    ``preempt`` is a node on which it would fit without some pods of lower priority; ``gives_up`` tells that a node
    that was to be cleared for it before, if there was one, is of no use any more.
    """

    node: str = ""
    volumes: VolumePlan = NO_VOLUMES
    message: str = ""
    refused_by: frozenset[Plugin] = frozenset()
    preempt: Candidate | None = None
    gives_up: bool = False


def decide(
    pod: Mapping[str, Any],
    needs: PodNeeds,
    states: Collection[NodeState],
    choose: Callable[[Sequence[str]], str],
    labels_of: LabelsOfNamespace = _no_labels,
    view: VolumeView | None = None,
    budgets: Collection[Mapping[str, Any]] = (),
) -> Decision:
    """Filter, score, and choose among the best, or find whom to evict.

    ``labels_of`` gives the labels of a namespace.
    """
    if not states:
        return Decision(message=_NO_NODES)
    volumes = VolumeFilter(pod, view or VolumeView(), states)
    if volumes.problem:
        return _unbindable(volumes.problem, len(states))
    spread, neighbours = SpreadFilter(pod, needs, states), PodAffinityFilter(needs, states, labels_of)
    refusals: dict[str, Refusal] = {}
    fitting: list[NodeState] = []
    for state in states:
        refusal = (
            refusal_of(pod, needs, state)
            or volumes.refusal(state)
            or spread.refusal(state)
            or neighbours.refusal(state)
        )
        if refusal is None:
            fitting.append(state)
        else:
            refusals[state.name] = refusal
    if not fitting:
        return _nowhere(pod, needs, refusals, states, labels_of, volumes, budgets)
    chosen = _chosen(pod, needs, states, fitting, choose, labels_of)
    return Decision(node=chosen.name, volumes=volumes.plan(chosen) or NO_VOLUMES)


def _chosen(
    pod: Mapping[str, Any],
    needs: PodNeeds,
    states: Collection[NodeState],
    fitting: Sequence[NodeState],
    choose: Callable[[Sequence[str]], str],
    labels_of: LabelsOfNamespace,
) -> NodeState:
    """Return the best of the nodes that fit."""
    by_name = {state.name: state for state in fitting}
    nominated = (pod.get("status") or {}).get("nominatedNodeName")
    if len(fitting) == 1 or nominated in by_name:
        return fitting[0] if len(fitting) == 1 else by_name[str(nominated)]
    scores = total_scores(pod, needs, states, fitting, labels_of)
    best = max(scores)
    return by_name[choose([s.name for s, score in zip(fitting, scores, strict=True) if score == best])]


def _unbindable(problem: str, nodes: int) -> Decision:
    """Return that the pod's claims keep it from every node, which evicting cannot change."""
    against = f"0/{nodes} nodes are available: {nodes} {HOPELESS}"
    message = f"0/{nodes} nodes are available: {problem}. preemption: {against}."
    return Decision(message=message, refused_by=frozenset({Plugin.VOLUME_BINDING}), gives_up=True)


def _nowhere(
    pod: Mapping[str, Any],
    needs: PodNeeds,
    refusals: Mapping[str, Refusal],
    states: Collection[NodeState],
    labels_of: LabelsOfNamespace,
    volumes: VolumeFilter,
    budgets: Collection[Mapping[str, Any]],
) -> Decision:
    """Return why a pod fits nowhere, in upstream's words, and what evicting could do about it."""
    counts = Counter(reason for refusal in refusals.values() for reason in refusal.reasons)
    told = f"0/{len(refusals)} nodes are available: {_counted(counts)}."
    refused_by = frozenset(refusal.plugin for refusal in refusals.values())
    nominated = (pod.get("status") or {}).get("nominatedNodeName")
    why = ineligible(pod, needs, next((state for state in states if state.name == nominated), None))
    if why:
        return Decision(message=f"{told} preemption: {why}", refused_by=refused_by, gives_up=why != TERMINATING)
    preemption = find_candidate(pod, needs, refusals, states, labels_of, volumes, budgets)
    if preemption.candidate is not None:
        return Decision(message=told, refused_by=refused_by, preempt=preemption.candidate)
    against = _counted(Counter(preemption.reasons))
    told = f"{told} preemption: 0/{len(refusals)} nodes are available: {against}."
    return Decision(message=told, refused_by=refused_by, gives_up=True)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))


def unschedulable_condition(pod: Mapping[str, Any], message: str, now: str) -> dict[str, Any] | None:
    """Return the PodScheduled condition that says why a pod has no node, or None if it is there already."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    known: Mapping[str, Any] = next((c for c in conditions if c["type"] == "PodScheduled"), {})
    wanted = {"status": "False", "reason": "Unschedulable", "message": message}
    if all(known.get(name) == value for name, value in wanted.items()):
        return None
    since = known["lastTransitionTime"] if known.get("status") == "False" and known.get("lastTransitionTime") else now
    return {"type": "PodScheduled", **wanted, "lastProbeTime": None, "lastTransitionTime": since}
