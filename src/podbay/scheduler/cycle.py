"""One decision: where a pod goes, or why nowhere.

Pure but for the tie's random choice, which is passed in. Takes a pod, its needs and the nodes; gives a node's name, or
the message that the pod's condition and event carry, and the plugins that stood in the way.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/#kube-scheduler-implementation
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.scheduler.filters import Plugin, Refusal, refusal_of
from podbay.scheduler.snapshot import NodeState, PodNeeds

_NO_NODES: Final = "no nodes available to schedule pods"


@dataclass(frozen=True, slots=True)
class Decision:
    """``node`` is empty if the pod fits nowhere; then ``message`` says why and ``refused_by`` who said no."""

    node: str = ""
    message: str = ""
    refused_by: frozenset[Plugin] = frozenset()


def decide(
    pod: Mapping[str, Any], needs: PodNeeds, states: Collection[NodeState], choose: Callable[[Sequence[str]], str]
) -> Decision:
    """Filter, score, and choose among the best."""
    if not states:
        return Decision(message=_NO_NODES)
    refusals: list[Refusal] = []
    fitting: list[NodeState] = []
    for state in states:
        refusal = refusal_of(pod, needs, state)
        if refusal is None:
            fitting.append(state)
        else:
            refusals.append(refusal)
    if not fitting:
        message = explain(refusals, preempts=pod["spec"].get("preemptionPolicy") != "Never")
        return Decision(message=message, refused_by=frozenset(refusal.plugin for refusal in refusals))
    scores = {state.name: least_allocated(needs, state) for state in fitting}
    best = max(scores.values())
    return Decision(node=choose([name for name, score in scores.items() if score == best]))


def least_allocated(needs: PodNeeds, state: NodeState) -> int:
    """Return 0 to 100: how much of cpu and memory would be left, averaged over those that the node has."""
    asked = {
        "cpu": needs.non_zero_milli_cpu + state.non_zero_milli_cpu,
        "memory": needs.non_zero_memory_bytes + state.non_zero_memory_bytes,
    }
    scores = []
    for name, amount in asked.items():
        have = state.allocatable.get(name, 0)
        if have:
            scores.append(0 if amount > have else (have - amount) * 100 // have)
    return sum(scores) // len(scores) if scores else 0


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
