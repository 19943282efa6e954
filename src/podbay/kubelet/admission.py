"""Whether this node takes a pod that has come to it: what the scheduler checked is checked again at the door.

Pure. Takes the pod, the node's other pods that have not finished, and the node; gives the reason and message of a
refusal, or None. A pod that came past the scheduler (by ``spec.nodeName``) gets no other check than this one.
Source: upstream's kubelet admission, pkg/kubelet/lifecycle/predicate.go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.pod_containers import lasting_containers
from podbay.api.pod_resources import pod_amounts, requests_in_force, with_overhead
from podbay.api.quantity import Quantity
from podbay.api.selectors import matches_node_selector_terms
from podbay.api.taints import is_tolerated
from podbay.api.validation.resource_requirements import is_extended

Pod = Mapping[str, Any]
_COUNTED: Final = ("cpu", "memory", "ephemeral-storage")
_ANY_ADDRESS: Final = "0.0.0.0"
_SYSTEM_LABEL: Final = "kubernetes.io/os"
_SYSTEM: Final = "linux"


@dataclass(frozen=True, slots=True)
class Shortage:
    """Something that a pod asks for more of than the others leave."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        """Return how much would have to become free."""
        return self.requested - (self.capacity - self.used)

    @property
    def refusal(self) -> tuple[str, str]:
        """Return (reason, message)."""
        return f"OutOf{self.resource}", (
            f"Node didn't have enough resource: {self.resource}, requested: {self.requested}, used: {self.used}, "
            f"capacity: {self.capacity}"
        )


def refusal(
    pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str], node: Mapping[str, Any] | None
) -> tuple[str, str] | None:
    """Return (reason, message). ``node`` None leaves out what only the API server knows: labels and taints."""
    return _other_system(pod) or insufficient(pod, others, allocatable) or mismatch(pod, others, node)


def mismatch(pod: Pod, others: Sequence[Pod], node: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """Return (reason, message) if the node is not for a pod, however much of it were free."""
    other_system = _other_system(pod)
    if other_system is not None:
        return other_system
    if node is not None and not _matches(pod, node):
        return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    taken = [port for other in others for port in _host_ports(other)]
    if any(_collide(wanted, other) for wanted in _host_ports(pod) for other in taken):
        return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    if node is not None and not _tolerates_all(pod, node):
        return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def requests_of(pod: Pod) -> dict[str, int]:
    """Return what a pod needs at most, with its overhead: cpu in thousandths, the rest in its base unit."""
    in_force = requests_in_force(pod)
    return with_overhead(pod["spec"], pod_amounts(pod["spec"], lambda c: _amounts(in_force(c))), _amount)


def has_finished(pod: Pod) -> bool:
    """Tell whether a pod has ended for good, and takes nothing of the node any more."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _amounts(requests: Mapping[str, str]) -> dict[str, int]:
    return {name: _amount(name, text) for name, text in requests.items()}


def insufficient(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (reason, message) if the node has not enough left for a pod beside the others."""
    found = shortages(pod, others, allocatable)
    return found[0].refusal if found else None


def shortages(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> list[Shortage]:
    """Return everything that the node has not enough left of for a pod beside the others."""
    found = []
    most = _amount("pods", allocatable.get("pods", "0"))
    if len(others) + 1 > most:
        found.append(Shortage("pods", 1, len(others), most))
    used: dict[str, int] = {}
    for other in others:
        for name, amount in requests_of(other).items():
            used[name] = used.get(name, 0) + amount
    wanted = requests_of(pod)
    for name in (*_COUNTED, *sorted(set(wanted) - set(_COUNTED))):
        if is_extended(name) and name not in allocatable:
            continue  # nothing on the node hands it out: whoever told the scheduler of it keeps its books
        capacity = _amount(name, allocatable.get(name, "0"))
        if wanted.get(name, 0) > 0 and wanted[name] > capacity - used.get(name, 0):
            found.append(Shortage(name, wanted[name], used.get(name, 0), capacity))
    return found


def _other_system(pod: Pod) -> tuple[str, str] | None:
    if (pod["metadata"].get("labels") or {}).get(_SYSTEM_LABEL, _SYSTEM) == _SYSTEM:
        return None
    return (
        "PodOSSelectorNodeLabelDoesNotMatch",
        "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    )


def _predicate(name: str, why: str) -> tuple[str, str]:
    return name, f"Predicate {name} failed: {why}"


def _amount(name: str, text: str) -> int:
    quantity = Quantity.parse(text)
    return quantity.milli if name == "cpu" else quantity.value


def _matches(pod: Pod, node: Mapping[str, Any]) -> bool:
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    selector = spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return matches_node_selector_terms(required.get("nodeSelectorTerms") or (), labels, fields)


def _tolerates_all(pod: Pod, node: Mapping[str, Any]) -> bool:
    """Tell whether a pod may run here at all; a taint against scheduling is no matter any more."""
    tolerations = pod["spec"].get("tolerations") or ()
    taints = [t for t in (node.get("spec") or {}).get("taints") or () if t.get("effect") == "NoExecute"]
    return all(is_tolerated(taint, tolerations) for taint in taints)


def _host_ports(pod: Pod) -> Iterable[tuple[str, str, int]]:
    for container in lasting_containers(pod["spec"]):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield port.get("hostIP") or _ANY_ADDRESS, port.get("protocol", "TCP"), port["hostPort"]


def _collide(one: tuple[str, str, int], two: tuple[str, str, int]) -> bool:
    return one[1:] == two[1:] and (one[0] == two[0] or _ANY_ADDRESS in (one[0], two[0]))
