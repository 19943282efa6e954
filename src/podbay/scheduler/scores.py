"""Which of the nodes that fit is best: upstream's scores, each 0 to 100, added by weight.

Pure. Takes a pod, its needs and nodes; gives a number for each fitting node.
Source: https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins (default plugins and weights)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from podbay.api.images import parse_image_name
from podbay.api.selectors import matches_node_selector_terms
from podbay.api.taints import is_tolerated
from podbay.scheduler.affinity_terms import LabelsOfNamespace
from podbay.scheduler.pod_affinity import pod_affinity_scores
from podbay.scheduler.snapshot import NodeState, PodNeeds
from podbay.scheduler.topology_spread import spread_scores

Pod = Mapping[str, Any]

_MIB: Final = 1024 * 1024
_SMALLEST_IMAGE_BYTES: Final = 23 * _MIB  # below that an image is pulled in no time
_LARGEST_IMAGE_BYTES: Final = 1000 * _MIB


def total_scores(
    pod: Pod,
    needs: PodNeeds,
    states: Collection[NodeState],
    fitting: Sequence[NodeState],
    labels_of: LabelsOfNamespace,
) -> list[int]:
    """Return the sum of all weighted scores for each fitting node."""

    def each(score: Callable[[Pod, PodNeeds, NodeState], int]) -> list[int]:
        return [score(pod, needs, state) for state in fitting]

    weighted = (
        (3, _fewest_first(each(_unwelcome_taints))),
        (2, _most_first(each(_preferred_affinity))),
        (2, spread_scores(pod, needs, states, fitting)),
        (2, pod_affinity_scores(needs, states, fitting, labels_of)),
        (1, each(least_allocated)),
        (1, each(balanced_allocation)),
        (1, image_locality(pod, states, fitting)),
    )
    return [sum(weight * scores[i] for weight, scores in weighted) for i in range(len(fitting))]


def least_allocated(pod: Pod, needs: PodNeeds, state: NodeState) -> int:
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


def balanced_allocation(pod: Pod, needs: PodNeeds, state: NodeState) -> int:
    """Return 0 to 100: how alike the used shares of cpu and memory would be. A pod without requests has no say."""
    if not needs.requests:
        return 0
    shares = []
    for name in ("cpu", "memory"):
        have = state.allocatable.get(name, 0)
        if have:
            shares.append(min(1.0, (state.requested.get(name, 0) + needs.requests.get(name, 0)) / have))
    apart = abs(shares[0] - shares[1]) / 2 if len(shares) == 2 else 0.0
    return int((1 - apart) * 100)


def image_locality(pod: Pod, states: Collection[NodeState], fitting: Sequence[NodeState]) -> list[int]:
    """Return 0 to 100 for each fitting node: how much of the pod's images it has already.

    An image counts by its size and by the share of nodes that have it, so that pods do not pile up on one node.
    """
    containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
    wanted = [_full_name(container["image"]) for container in containers if container.get("image")]
    have = {name: sum(name in state.image_bytes for state in states) for name in wanted}
    largest = _LARGEST_IMAGE_BYTES * len(containers)

    def score(state: NodeState) -> int:
        found = state.image_bytes
        there = sum(int(found[name] * have[name] / len(states)) for name in wanted if name in found)
        there = min(max(there, _SMALLEST_IMAGE_BYTES), largest)
        return 100 * (there - _SMALLEST_IMAGE_BYTES) // (largest - _SMALLEST_IMAGE_BYTES)

    return [score(state) for state in fitting] if any(have.values()) else [0] * len(fitting)


def _full_name(image: str) -> str:
    try:
        return str(parse_image_name(image))
    except ValueError:
        return image


def _unwelcome_taints(pod: Pod, needs: PodNeeds, state: NodeState) -> int:
    tolerations = [t for t in pod["spec"].get("tolerations") or () if t.get("effect") in (None, "", "PreferNoSchedule")]
    return sum(
        taint.get("effect") == "PreferNoSchedule" and not is_tolerated(taint, tolerations)
        for taint in state.spec.get("taints") or ()
    )


def _preferred_affinity(pod: Pod, needs: PodNeeds, state: NodeState) -> int:
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    return sum(
        term["weight"]
        for term in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        if matches_node_selector_terms([term["preference"]], state.labels, {"metadata.name": state.name})
    )


def _most_first(counts: Sequence[int]) -> list[int]:
    most = max(counts)
    return [100 * count // most if most else 0 for count in counts]


def _fewest_first(counts: Sequence[int]) -> list[int]:
    most = max(counts)
    return [100 - 100 * count // most if most else 100 for count in counts]
