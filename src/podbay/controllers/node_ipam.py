"""The node IPAM controller: every node gets a range of pod addresses of its own.

Takes nodes from an informer; writes ``spec.podCIDR`` and ``spec.podCIDRs``, once per node.
Invariant: no two nodes have overlapping ranges, because what nodes already have is taken from the informer before
anything is given, and giving happens one node at a time.
Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ (allocate-node-cidrs)
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from podbay.api.resources import NODES
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_FULL_S: Final = 30.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NodeIpamController:
    """See the module. ``cluster_cidr`` like ``10.244.0.0/16``; each node gets a ``/node_mask`` of it."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity, *, cluster_cidr: str, node_mask: int = 24) -> None:
        self._rest = rest
        self._cluster = ipaddress.ip_network(cluster_cidr)
        self._mask = node_mask
        self._informer = Informer(rest, NODES, clock, activity)
        self._events = EventRecorder(rest, clock, activity, component="cidrAllocator")
        self._controller = Controller("node ipam controller", [self._informer], self._reconcile, clock, activity)
        self._given: dict[str, str] = {}
        self._informer.on_change(self._changed)

    async def run(self) -> None:
        """Give ranges until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._informer.run(), name="nodes")
            scope.start(self._events.run(), name="node ipam events")
            await self._controller.run(workers=1)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._given.pop(key_of(old or {}), None)
        elif not (new.get("spec") or {}).get("podCIDR"):
            self._controller.queue.add(key_of(new))
        else:
            self._given.pop(key_of(new), None)

    async def _reconcile(self, name: str) -> float | None:
        node = self._informer.get(name)
        if node is None or (node.get("spec") or {}).get("podCIDR") or name in self._given:
            return None
        taken = [n["spec"]["podCIDR"] for n in self._informer.objects.values() if (n.get("spec") or {}).get("podCIDR")]
        found = next_range(self._cluster, self._mask, [*taken, *self._given.values()])
        if found is None:
            self._events.event(node, "Normal", "CIDRNotAvailable", f"Node {name} status is now: CIDRNotAvailable")
            return _FULL_S
        self._given[name] = found
        try:
            await self._rest.patch(NODES, name, {"spec": {"podCIDR": found, "podCIDRs": [found]}})
        except Exception:
            del self._given[name]
            raise
        return None


def next_range(cluster: Network, mask: int, taken: Iterable[str]) -> str | None:
    """Return the first free range of a cluster's, or None if it is full. Pure."""
    used = [ipaddress.ip_network(text) for text in taken]
    for candidate in cluster.subnets(new_prefix=mask):
        if not any(_overlap(candidate, other) for other in used):
            return str(candidate)
    return None


def _overlap(one: Network, other: Network) -> bool:
    first, second = int(one.network_address), int(other.network_address)
    return first < second + other.num_addresses and second < first + one.num_addresses
