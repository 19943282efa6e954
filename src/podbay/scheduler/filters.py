"""Which nodes a pod may go to: each plugin says why not, in upstream's words.

Pure. Takes a pod, its needs and one node's state; gives the reasons against it (none: it fits), and whether evicting
pods could help. The order of the plugins is upstream's: the first that refuses is the one that is told.
Source: https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from podbay.api.selectors import matches_node_selector_terms
from podbay.api.taints import UNSCHEDULABLE, is_tolerated
from podbay.scheduler.snapshot import NodeState, PodNeeds

Pod = Mapping[str, Any]
_CORDONED: Final = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}


class Plugin(StrEnum):
    """A filter, by upstream's name."""

    NODE_UNSCHEDULABLE = "NodeUnschedulable"
    NODE_NAME = "NodeName"
    TAINT_TOLERATION = "TaintToleration"
    NODE_AFFINITY = "NodeAffinity"
    NODE_PORTS = "NodePorts"
    NODE_RESOURCES_FIT = "NodeResourcesFit"
    VOLUME_RESTRICTIONS = "VolumeRestrictions"
    VOLUME_BINDING = "VolumeBinding"
    POD_TOPOLOGY_SPREAD = "PodTopologySpread"
    INTER_POD_AFFINITY = "InterPodAffinity"


# What these say of one node depends on the pods of all.
ON_PODS: Final = frozenset({Plugin.VOLUME_RESTRICTIONS, Plugin.POD_TOPOLOGY_SPREAD, Plugin.INTER_POD_AFFINITY})
# What these say depends on claims and volumes, too.
ON_VOLUMES: Final = frozenset({Plugin.VOLUME_RESTRICTIONS, Plugin.VOLUME_BINDING})
_CLUSTER_WIDE: Final = ON_PODS | ON_VOLUMES


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node does not take a pod. ``preemptible``: evicting pods from it could change that."""

    plugin: Plugin
    reasons: tuple[str, ...]
    preemptible: bool = False


def unschedulable(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse cordoned nodes, unless tolerated."""
    if state.spec.get("unschedulable") and not _tolerated(pod, _CORDONED):
        return Refusal(Plugin.NODE_UNSCHEDULABLE, ("node(s) were unschedulable",))
    return None


def node_name(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse every node but the one that the pod names."""
    wanted = pod["spec"].get("nodeName")
    if wanted and wanted != state.name:
        return Refusal(Plugin.NODE_NAME, ("node(s) didn't match the requested node name",))
    return None


def taints(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes with a taint that keeps the pod away; the first of them is told."""
    taint = _untolerated_taint(pod, state)
    if taint is None:
        return None
    told = f"{{{taint['key']}: {taint.get('value', '')}}}"
    return Refusal(Plugin.TAINT_TOLERATION, (f"node(s) had untolerated taint {told}",))


def affinity(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes that the node selector or the required node affinity leaves out."""
    if matches_node_affinity(pod, state):
        return None
    terms = _required_terms(pod)
    named = None if terms is None or not _matches_node_selector(pod, state) else _named_nodes(terms)
    if named is not None and state.name not in named:
        # Upstream does not even look at nodes that the affinity leaves out by name.
        return Refusal(Plugin.NODE_AFFINITY, (f"node(s) didn't satisfy plugin(s) [{Plugin.NODE_AFFINITY}]",))
    return Refusal(Plugin.NODE_AFFINITY, ("node(s) didn't match Pod's node affinity/selector",))


def host_ports(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes where a port that the pod wants on the host is taken."""
    taken = state.host_ports() if needs.host_ports else ()
    if any(_collide(wanted, other) for wanted in needs.host_ports for other in taken):
        message = "node(s) didn't have free ports for the requested pod ports"
        return Refusal(Plugin.NODE_PORTS, (message,), preemptible=True)
    return None


def resources(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Refuse nodes that have not enough left of what the pod requests."""
    reasons = []
    if state.pod_count + 1 > state.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    is_possible = True
    for name, amount in sorted(needs.requests.items()):
        have = state.allocatable.get(name, 0)
        if amount > have - state.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            is_possible = is_possible and amount <= have
    return Refusal(Plugin.NODE_RESOURCES_FIT, tuple(reasons), preemptible=is_possible) if reasons else None


Filter = Callable[[Pod, PodNeeds, NodeState], Refusal | None]
FILTERS: Final[Mapping[Plugin, Filter]] = {
    Plugin.NODE_UNSCHEDULABLE: unschedulable,
    Plugin.NODE_NAME: node_name,
    Plugin.TAINT_TOLERATION: taints,
    Plugin.NODE_AFFINITY: affinity,
    Plugin.NODE_PORTS: host_ports,
    Plugin.NODE_RESOURCES_FIT: resources,
}


def refusal_of(pod: Pod, needs: PodNeeds, state: NodeState) -> Refusal | None:
    """Return the first plugin's refusal, or None if the node takes the pod."""
    for check in FILTERS.values():
        refusal = check(pod, needs, state)
        if refusal is not None:
            return refusal
    return None


def helps(
    refused_by: AbstractSet[Plugin], pod: Pod, needs: PodNeeds, before: NodeState | None, after: NodeState
) -> bool:
    """Tell whether a node's change could help a pod: one of the plugins that refused it everywhere now takes the node.

    ``before`` is None for a new node. A pod that was refused by no plugin had no node to try.
    """
    if not refused_by:
        return True
    if refused_by & _CLUSTER_WIDE and (before is None or before.labels != after.labels):
        return True
    return any(
        FILTERS[plugin](pod, needs, after) is None
        and (before is None or FILTERS[plugin](pod, needs, before) is not None)
        for plugin in refused_by - _CLUSTER_WIDE
    )


def room_helps(refused_by: AbstractSet[Plugin], pod: Pod, needs: PodNeeds, state: NodeState) -> bool:
    """Tell whether what a pod left on a node could help another: where its volumes are has not changed."""
    if not refused_by or refused_by & ON_PODS:
        return True
    return any(FILTERS[plugin](pod, needs, state) is None for plugin in refused_by - _CLUSTER_WIDE)


def matches_node_affinity(pod: Pod, state: NodeState) -> bool:
    """Tell whether a node is one that a pod's node selector and required node affinity mean."""
    if not _matches_node_selector(pod, state):
        return False
    terms = _required_terms(pod)
    return terms is None or matches_node_selector_terms(terms, state.labels, {"metadata.name": state.name})


def has_untolerated_taint(pod: Pod, state: NodeState) -> bool:
    """Tell whether a node has a taint that keeps a pod away."""
    return _untolerated_taint(pod, state) is not None


def _untolerated_taint(pod: Pod, state: NodeState) -> Mapping[str, Any] | None:
    for taint in state.spec.get("taints") or ():
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(pod, taint):
            found: Mapping[str, Any] = taint
            return found
    return None


def _matches_node_selector(pod: Pod, state: NodeState) -> bool:
    selector: Mapping[str, str] = pod["spec"].get("nodeSelector") or {}
    return all(state.labels.get(key) == value for key, value in selector.items())


def _tolerated(pod: Pod, taint: Mapping[str, Any]) -> bool:
    return is_tolerated(taint, pod["spec"].get("tolerations") or ())


def _collide(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    """Tell whether two (address, protocol, port) cannot both be had; 0.0.0.0 is every address."""
    return one[1:] == other[1:] and (one[0] == other[0] or "0.0.0.0" in (one[0], other[0]))


def _required_terms(pod: Pod) -> Iterable[Mapping[str, Any]] | None:
    node_affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else required.get("nodeSelectorTerms") or ()


def _named_nodes(terms: Iterable[Mapping[str, Any]]) -> set[str] | None:
    """Return the only nodes that terms can mean, if every one of them names its nodes; else None."""
    found: set[str] = set()
    for term in terms:
        named: set[str] | None = None
        for field in term.get("matchFields") or ():
            if field.get("key") == "metadata.name" and field.get("operator") == "In":
                values = set(field.get("values") or ())
                named = values if named is None else named & values
        if named is None:
            return None
        found |= named
    return found
