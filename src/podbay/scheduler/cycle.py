"""One decision: where a pod goes, or why nowhere.

Pure but for the tie's random choice, which is passed in. Takes a pod and a snapshot; gives a node's name, or the
message that the pod's condition and event carry.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/#kube-scheduler-implementation
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podbay.scheduler.filters import Refusal, refusal_of
from podbay.scheduler.snapshot import NodeState, PodNeeds, needs_of


@dataclass(frozen=True, slots=True)
class Decision:
    """``node`` is empty if the pod fits nowhere; then ``message`` says why."""

    node: str = ""
    message: str = ""


def decide(pod: Mapping[str, Any], states: Sequence[NodeState], choose: Callable[[Sequence[str]], str]) -> Decision:
    """Filter, score, and choose among the best."""
    if not states:
        return Decision(message="no nodes available to schedule pods")
    needs = needs_of(pod)
    refusals: list[Refusal] = []
    fitting: list[NodeState] = []
    for state in states:
        refusal = refusal_of(pod, needs, state)
        if refusal is None:
            fitting.append(state)
        else:
            refusals.append(refusal)
    if not fitting:
        return Decision(message=explain(refusals, preempts=pod["spec"].get("preemptionPolicy") != "Never"))
    scores = {state.name: least_allocated(needs, state) for state in fitting}
    best = max(scores.values())
    return Decision(node=choose([name for name, score in scores.items() if score == best]))


def least_allocated(needs: PodNeeds, state: NodeState) -> int:
    """Return 0 to 100: how much of cpu and memory would be left, averaged."""
    asked = {
        "cpu": needs.non_zero_milli_cpu + state.non_zero_milli_cpu,
        "memory": needs.non_zero_memory_bytes + state.non_zero_memory_bytes,
    }
    scores = []
    for name, amount in asked.items():
        have = state.allocatable.get(name, 0)
        scores.append(0 if not have or amount > have else (have - amount) * 100 // have)
    return sum(scores) // len(scores)


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
