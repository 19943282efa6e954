"""What the scheduler knows when it decides: nodes with what their pods have taken.

Pure. Takes nodes and pods as plain objects; gives frozen views with parsed quantities.
Invariant: a pod counts on the node it is bound to, or assumed to be on, until it has finished.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from podbay.api.quantity import Quantity

# What a container without requests counts as when nodes are scored, so that such pods spread too.
NON_ZERO_MILLI_CPU: Final = 100
NON_ZERO_MEMORY_BYTES: Final = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PodNeeds:
    """What a pod asks of a node. Resources in base units (cpu in thousandths)."""

    requests: Mapping[str, int]
    non_zero_milli_cpu: int
    non_zero_memory_bytes: int
    host_ports: frozenset[tuple[str, str, int]]  # (address, protocol, port)


@dataclass(slots=True)
class NodeState:
    """One node and the pods on it."""

    node: Mapping[str, Any]
    allocatable: dict[str, int]
    requested: dict[str, int] = field(default_factory=dict)
    non_zero_milli_cpu: int = 0
    non_zero_memory_bytes: int = 0
    pod_count: int = 0
    host_ports: set[tuple[str, str, int]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Return the node's name."""
        return str(self.node["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the node's labels."""
        labels: Mapping[str, str] = self.node["metadata"].get("labels") or {}
        return labels

    @property
    def spec(self) -> Mapping[str, Any]:
        """Return the node's spec."""
        spec: Mapping[str, Any] = self.node.get("spec") or {}
        return spec

    def add(self, needs: PodNeeds) -> None:
        """Count a pod on this node."""
        for name, amount in needs.requests.items():
            self.requested[name] = self.requested.get(name, 0) + amount
        self.non_zero_milli_cpu += needs.non_zero_milli_cpu
        self.non_zero_memory_bytes += needs.non_zero_memory_bytes
        self.pod_count += 1
        self.host_ports |= needs.host_ports


def snapshot(nodes: Iterable[Mapping[str, Any]], pods: Iterable[tuple[str, Mapping[str, Any]]]) -> list[NodeState]:
    """Return the nodes with their pods, given as (node name, pod)."""
    states = {}
    for node in nodes:
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        states[node["metadata"]["name"]] = NodeState(
            node, {name: _amount(name, value) for name, value in allocatable.items()}
        )
    for node_name, pod in pods:
        state = states.get(node_name)
        if state is not None and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            state.add(needs_of(pod))
    return list(states.values())


def needs_of(pod: Mapping[str, Any]) -> PodNeeds:
    """Return what a pod asks for: the sum over its containers, or the largest init container if that is more."""
    spec = pod["spec"]
    total: dict[str, int] = {}
    milli = memory = 0
    ports = set()
    for container in spec["containers"]:
        requests = (container.get("resources") or {}).get("requests") or {}
        for name, value in requests.items():
            total[name] = total.get(name, 0) + _amount(name, value)
        milli += _amount("cpu", requests["cpu"]) if "cpu" in requests else NON_ZERO_MILLI_CPU
        memory += _amount("memory", requests["memory"]) if "memory" in requests else NON_ZERO_MEMORY_BYTES
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                ports.add((port.get("hostIP") or "0.0.0.0", port.get("protocol", "TCP"), port["hostPort"]))
    for container in spec.get("initContainers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[name] = max(total.get(name, 0), _amount(name, value))
    for name, value in (spec.get("overhead") or {}).items():
        total[name] = total.get(name, 0) + _amount(name, value)
    return PodNeeds({n: v for n, v in total.items() if v}, milli, memory, frozenset(ports))


@lru_cache(maxsize=4096)
def _amount(name: str, value: str | int) -> int:
    quantity = Quantity.parse(value)
    return quantity.milli if name == "cpu" else quantity.value
