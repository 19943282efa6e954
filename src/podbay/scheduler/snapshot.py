"""What the scheduler knows when it decides: nodes, and what the pods on each of them have taken.

Pure. Takes nodes and pods as plain objects, one change at a time; gives frozen views with parsed quantities. Nothing
is counted anew for a decision, so its cost depends on the number of nodes only.
Invariant: a pod counts on one node, the one it is bound to or assumed to be on, until it has finished; also while that
node is not known (yet).
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from podbay.api.pod_containers import lasting_containers
from podbay.api.pod_resources import pod_amounts, requests_in_force
from podbay.api.quantity import Quantity
from podbay.api.volume_binding import claim_names
from podbay.scheduler.affinity_terms import NO_AFFINITY, PodAffinity, pod_affinity

# What a container without requests counts as when nodes are scored, so that such pods spread too.
NON_ZERO_MILLI_CPU: Final = 100
NON_ZERO_MEMORY_BYTES: Final = 200 * 1024 * 1024

HostPort = tuple[str, str, int]  # address, protocol, port


@dataclass(frozen=True, slots=True)
class PodNeeds:
    """What a pod asks of a node and of its neighbours, and what neighbours may ask of it.

    Resources are in base units (cpu in thousandths).
    """

    requests: Mapping[str, int]
    non_zero_milli_cpu: int
    non_zero_memory_bytes: int
    host_ports: frozenset[HostPort]
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    affinity: PodAffinity = NO_AFFINITY
    priority: int = 0
    is_ending: bool = False
    claims: frozenset[str] = frozenset()  # by namespace/name
    start_time: str = ""  # as the status has it, so that the earlier sorts first


@dataclass(slots=True)
class NodeState:
    """One node, and what the pods on it have taken."""

    node: Mapping[str, Any]
    allocatable: Mapping[str, int]
    pods: dict[str, PodNeeds] = field(default_factory=dict)
    pods_with_affinity: dict[str, PodNeeds] = field(default_factory=dict)
    requested: dict[str, int] = field(default_factory=dict)
    non_zero_milli_cpu: int = 0
    non_zero_memory_bytes: int = 0
    image_bytes: Mapping[str, int] = field(default_factory=dict)

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

    @property
    def pod_count(self) -> int:
        """Return how many pods are on the node."""
        return len(self.pods)

    def host_ports(self) -> set[HostPort]:
        """Return the ports that pods have taken on the host."""
        return {port for needs in self.pods.values() for port in needs.host_ports}

    def add(self, key: str, needs: PodNeeds) -> None:
        """Count a pod on this node."""
        self.pods[key] = needs
        if needs.affinity:
            self.pods_with_affinity[key] = needs
        self._count(needs, 1)

    def remove(self, key: str) -> None:
        """Count a pod on this node no more."""
        self.pods_with_affinity.pop(key, None)
        self._count(self.pods.pop(key), -1)

    def supposing(self, *, added: Mapping[str, PodNeeds] | None = None, removed: Iterable[str] = ()) -> "NodeState":
        """Return the state that the node would have with and without some pods."""
        state = NodeState(
            self.node,
            self.allocatable,
            dict(self.pods),
            dict(self.pods_with_affinity),
            dict(self.requested),
            self.non_zero_milli_cpu,
            self.non_zero_memory_bytes,
            self.image_bytes,
        )
        for key in removed:
            state.remove(key)
        for key, needs in (added or {}).items():
            state.add(key, needs)
        return state

    def _count(self, needs: PodNeeds, sign: int) -> None:
        for name, amount in needs.requests.items():
            self.requested[name] = self.requested.get(name, 0) + sign * amount
        self.non_zero_milli_cpu += sign * needs.non_zero_milli_cpu
        self.non_zero_memory_bytes += sign * needs.non_zero_memory_bytes


class Snapshot:
    """See the module."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeState] = {}
        self._placed: dict[str, tuple[str, PodNeeds]] = {}
        self._of_node: dict[str, set[str]] = {}

    def nodes(self) -> Iterable[NodeState]:
        """Return the state of every node that is known."""
        return self._nodes.values()

    def node(self, name: str) -> NodeState | None:
        """Return a node's state, or None if it is not known."""
        return self._nodes.get(name)

    def set_node(self, node: Mapping[str, Any]) -> NodeState:
        """Take a new or changed node; return its state. What was returned before stays as it was."""
        name = node["metadata"]["name"]
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        state = NodeState(
            node,
            {resource: _amount(resource, value) for resource, value in allocatable.items()},
            image_bytes=_image_bytes(node),
        )
        for key in self._of_node.get(name, ()):
            state.add(key, self._placed[key][1])
        self._nodes[name] = state
        return state

    def drop_node(self, name: str) -> None:
        """Forget a node; its pods are remembered for when it comes back."""
        self._nodes.pop(name, None)

    def place(self, key: str, node: str, needs: PodNeeds) -> PodNeeds | None:
        """Count a pod on a node, and nowhere else; return as what it was counted before, if it was."""
        before = self._placed.get(key)
        if before == (node, needs):
            return needs
        self.displace(key)
        self._placed[key] = (node, needs)
        self._of_node.setdefault(node, set()).add(key)
        if node in self._nodes:
            self._nodes[node].add(key, needs)
        return None if before is None else before[1]

    def displace(self, key: str) -> str:
        """Count a pod nowhere any more; return where it was, or nothing."""
        node, _ = self._placed.pop(key, ("", None))
        if node:
            self._of_node[node].discard(key)
            if not self._of_node[node]:
                del self._of_node[node]
            if node in self._nodes:
                self._nodes[node].remove(key)
        return node


def needs_of(pod: Mapping[str, Any]) -> PodNeeds:
    """Return what a pod asks for, at most at any moment of its life."""
    metadata, spec = pod["metadata"], pod["spec"]
    in_force = requests_in_force(pod)
    total = pod_amounts(spec, lambda container: _requests(in_force(container)))
    scored = pod_amounts(spec, lambda container: _scored(in_force(container)))
    for name, value in (spec.get("overhead") or {}).items():
        amount = _amount(name, value)
        total[name] = total.get(name, 0) + amount
        if name in scored:
            scored[name] += amount
    ports = {
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", port["hostPort"])
        for container in lasting_containers(spec)
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }
    return PodNeeds(
        {name: amount for name, amount in total.items() if amount},
        scored["cpu"],
        scored["memory"],
        frozenset(ports),
        namespace=metadata.get("namespace", ""),
        labels=metadata.get("labels") or {},
        affinity=pod_affinity(pod),
        priority=spec.get("priority") or 0,
        is_ending="deletionTimestamp" in metadata,
        claims=frozenset(f"{metadata.get('namespace', '')}/{name}" for name in claim_names(pod)),
        start_time=(pod.get("status") or {}).get("startTime") or "",
    )


def _image_bytes(node: Mapping[str, Any]) -> dict[str, int]:
    """Return how large each image is that a node has, by each of its names."""
    images = (node.get("status") or {}).get("images") or ()
    return {name: int(image.get("sizeBytes") or 0) for image in images for name in image.get("names") or ()}


def _requests(requests: Mapping[str, str]) -> dict[str, int]:
    return {name: _amount(name, value) for name, value in requests.items()}


def _scored(requests: Mapping[str, str]) -> dict[str, int]:
    amounts = _requests(requests)
    return {
        "cpu": amounts.get("cpu", NON_ZERO_MILLI_CPU),
        "memory": amounts.get("memory", NON_ZERO_MEMORY_BYTES),
    }


@lru_cache(maxsize=4096)
def _amount(name: str, value: str | int) -> int:
    quantity = Quantity.parse(value)
    return quantity.milli if name == "cpu" else quantity.value
