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
from podbay.scheduler.scores import total_scores
from podbay.scheduler.snapshot import NodeState, PodNeeds
from podbay.scheduler.topology_spread import SpreadFilter

_NO_NODES: Final = "no nodes available to schedule pods"


def _no_labels(namespace: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Decision:
    """``node`` is empty if the pod fits nowhere; then ``message`` says why and ``refused_by`` who said no."""

    node: str = ""
    message: str = ""
    refused_by: frozenset[Plugin] = frozenset()


def decide(
    pod: Mapping[str, Any],
    needs: PodNeeds,
    states: Collection[NodeState],
    choose: Callable[[Sequence[str]], str],
    labels_of: LabelsOfNamespace = _no_labels,
) -> Decision:
    """Filter, score, and choose among the best. ``labels_of`` gives the labels of a namespace."""
    if not states:
        return Decision(message=_NO_NODES)
    spread, neighbours = SpreadFilter(pod, needs, states), PodAffinityFilter(needs, states, labels_of)
    refusals: list[Refusal] = []
    fitting: list[NodeState] = []
    for state in states:
        refusal = refusal_of(pod, needs, state) or spread.refusal(state) or neighbours.refusal(state)
        if refusal is None:
            fitting.append(state)
        else:
            refusals.append(refusal)
    if not fitting:
        message = explain(refusals, preempts=pod["spec"].get("preemptionPolicy") != "Never")
        return Decision(message=message, refused_by=frozenset(refusal.plugin for refusal in refusals))
    if len(fitting) == 1:
        return Decision(node=fitting[0].name)
    scores = total_scores(pod, needs, states, fitting, labels_of)
    best = max(scores)
    return Decision(node=choose([s.name for s, score in zip(fitting, scores, strict=True) if score == best]))


def explain(refusals: Sequence[Refusal], *, preempts: bool) -> str:
    """Return upstream's message: how many nodes refused for which reason, and whether preemption could help."""
    total = len(refusals)
    counts = Counter(reason for refusal in refusals for reason in refusal.reasons)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    message = f"0/{total} nodes are available: {told}."
    if not preempts:
        return f"{message} preemption: not eligible due to preemptionPolicy=Never."
    hopeless = sum(not refusal.preemptible for refusal in refusals)
    parts = []
    if total - hopeless:
        parts.append(f"{total - hopeless} No preemption victims found for incoming pod")
    if hopeless:
        parts.append(f"{hopeless} Preemption is not helpful for scheduling")
    return f"{message} preemption: 0/{total} nodes are available: {', '.join(sorted(parts))}."


def unschedulable_condition(pod: Mapping[str, Any], message: str, now: str) -> dict[str, Any] | None:
    """Return the PodScheduled condition that says why a pod has no node, or None if it is there already."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    known: Mapping[str, Any] = next((c for c in conditions if c["type"] == "PodScheduled"), {})
    wanted = {"status": "False", "reason": "Unschedulable", "message": message}
    if all(known.get(name) == value for name, value in wanted.items()):
        return None
    since = known["lastTransitionTime"] if known.get("status") == "False" and known.get("lastTransitionTime") else now
    return {"type": "PodScheduled", **wanted, "lastProbeTime": None, "lastTransitionTime": since}
