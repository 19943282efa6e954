"""Which nodes a pod may go to: each filter says why not, in upstream's words.

Pure. Takes a pod, its needs and one node's state; gives the reasons against it (none: it fits), and whether evicting
pods could help.
Source: https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.selectors import matches_node_selector_terms
from podbay.scheduler.snapshot import NodeState, PodNeeds

Pod = Mapping[str, Any]
_UNSCHEDULABLE: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node does not take a pod. ``preemptible``: evicting pods from it could change that."""

    reasons: tuple[str, ...]
    preemptible: bool = False


def node_name(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse every node but the one that the pod names."""
    wanted = pod["spec"].get("nodeName")
    if wanted and wanted != state.name:
        return Refusal(("node(s) didn't match the requested node name",))
    return None


def unschedulable(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse cordoned nodes, unless tolerated."""
    if state.spec.get("unschedulable") and not _tolerated(pod, _UNSCHEDULABLE):
        return Refusal(("node(s) were unschedulable",))
    return None


def taints(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes with a taint that keeps the pod away."""
    for taint in state.spec.get("taints") or ():
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(pod, taint):
            return Refusal((f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}",))
    return None


def affinity(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes that the node selector or the required node affinity leaves out."""
    spec = pod["spec"]
    selector: Mapping[str, str] = spec.get("nodeSelector") or {}
    fits = all(state.labels.get(key) == value for key, value in selector.items())
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if fits and required is not None:
        fits = matches_node_selector_terms(
            required.get("nodeSelectorTerms") or (), state.labels, {"metadata.name": state.name}
        )
    return None if fits else Refusal(("node(s) didn't match Pod's node affinity/selector",))


def host_ports(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes where a port that the pod wants on the host is taken."""
    for address, protocol, port in needs.host_ports:
        for taken_address, taken_protocol, taken_port in state.host_ports:
            same = (protocol, port) == (taken_protocol, taken_port)
            if same and (address == taken_address or "0.0.0.0" in (address, taken_address)):
                return Refusal(("node(s) didn't have free ports for the requested pod ports",), preemptible=True)
    return None


def resources(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes that have not enough left of what the pod requests."""
    reasons = []
    if state.pod_count + 1 > state.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    impossible = False
    for name, amount in sorted(needs.requests.items()):
        have = state.allocatable.get(name, 0)
        if amount > have - state.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            impossible = impossible or amount > have
    return Refusal(tuple(reasons), preemptible=not impossible) if reasons else None


FILTERS: Final[tuple[Callable[[Pod, PodNeeds, NodeState], Refusal | None], ...]] = (
    unschedulable,
    node_name,
    taints,
    affinity,
    host_ports,
    resources,
)


def refusal_of(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Return the first filter's refusal, or None if the node takes the pod."""
    for check in FILTERS:
        refusal = check(pod, needs, state)
        if refusal is not None:
            return refusal
    return None


def _tolerated(pod: Pod, taint: Mapping[str, Any]) -> bool:
    return any(tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or ())


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Tell whether a toleration accepts a taint."""
    effect, key = toleration.get("effect", ""), toleration.get("key", "")
    if effect and effect != taint.get("effect"):
        return False
    if key and key != taint.get("key"):
        return False
    if toleration.get("operator", "Equal") in ("Exists",):
        return True
    return bool(key) and toleration.get("value", "") == taint.get("value", "")
