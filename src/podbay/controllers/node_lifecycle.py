"""The node lifecycle controller: notices nodes that fall silent, and keeps the taints that tell of their conditions.

Takes nodes, their leases and pods from informers; writes conditions and taints of nodes, and that the pods of a lost
node are not ready.
Invariant: only a kubelet's own word is a sign of life, its lease or its heartbeat, and silence is counted from when it
was last heard here, so a controller that starts anew gives every node its full time.
Source: https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import LEASES, NODES, PODS
from podbay.api.taints import wanted_taints
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

SILENCE_S: Final = 50.0
FIRST_SILENCE_S: Final = 60.0  # for a node that has never said anything
_LEASES: Final = "kube-node-lease"
_WATCHED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


class NodeLifecycleController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._nodes = Informer(rest, NODES, clock, activity)
        self._leases = Informer(rest, LEASES, clock, activity, namespace=_LEASES)
        self._pods = Informer(rest, PODS, clock, activity)
        self._informers = (self._nodes, self._leases, self._pods)
        self._events = EventRecorder(rest, clock, activity, component="node-controller")
        self._controller = Controller("node lifecycle controller", self._informers, self._reconcile, clock, activity)
        self._heard: dict[str, tuple[Any, float]] = {}  # by node: the last sign of life, and when it came here
        self._was_ready: dict[str, bool] = {}
        self._nodes.on_change(self._node_changed)
        self._leases.on_change(self._lease_changed)

    async def run(self) -> None:
        """Watch over nodes until cancelled."""
        async with TaskScope() as scope:
            for informer in self._informers:
                scope.start(informer.run(), name=f"node lifecycle {informer.resource.plural}")
            scope.start(self._events.run(), name="node lifecycle events")
            await self._controller.run(workers=1)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        name = key_of(new or old or {})
        if new is None:
            self._heard.pop(name, None)
            self._was_ready.pop(name, None)
            return
        self._listen(name)
        if old is None or _meaning(old) != _meaning(new):
            self._controller.queue.add(name)

    def _lease_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._listen(new["metadata"]["name"])

    def _listen(self, name: str) -> None:
        """Note when a node's sign of life has changed."""
        node, lease = self._nodes.get(name), self._leases.get(f"{_LEASES}/{name}")
        if node is None:
            return
        sign = (
            (condition_of(node, "Ready") or {}).get("lastHeartbeatTime"),
            ((lease or {}).get("spec") or {}).get("renewTime"),
        )
        if name not in self._heard or self._heard[name][0] != sign:
            self._heard[name] = sign, self._clock.monotonic()

    async def _reconcile(self, name: str) -> float | None:
        node = self._nodes.get(name)
        if node is None:
            return None
        ready = condition_of(node, "Ready")
        left_s = self._heard[name][1] + (SILENCE_S if ready else FIRST_SILENCE_S) - self._clock.monotonic()
        now = format_time(self._clock.now())
        if left_s <= 0 and (unknown := unknown_conditions(node, now)):
            await self._write(node, {"status": {"conditions": unknown}}, subresource="status")
            return None  # the change comes back to us
        await self._keep_taints(node, now)
        is_ready = bool(ready and ready["status"] == "True")
        if ready and not is_ready and self._was_ready.get(name) is not False:
            if name in self._was_ready:
                self._events.event(node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            await self._mark_pods(name, now)
        self._was_ready[name] = is_ready
        return left_s if left_s > 0 else None

    async def _keep_taints(self, node: Object, now: str) -> None:
        has = (node.get("spec") or {}).get("taints") or []
        wanted = wanted_taints(node, now)
        if {(t["key"], t["effect"]) for t in wanted} != {(t["key"], t["effect"]) for t in has}:
            await self._write(node, {"spec": {"taints": wanted}})

    async def _write(self, node: Object, changes: Object, subresource: str = "") -> None:
        metadata = node["metadata"]
        # Somebody else's change is Conflict, and comes to us by the informer.
        changes["metadata"] = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        await self._rest.patch(NODES, metadata["name"], changes, subresource=subresource)

    async def _mark_pods(self, node: str, now: str) -> None:
        """Say of the pods of a node that is not ready that they are not, either."""
        for pod in [pod for pod in self._pods.objects.values() if pod["spec"].get("nodeName") == node]:
            ready = condition_of(pod, "Ready")
            if ready is None or ready["status"] != "True":
                continue
            metadata = pod["metadata"]
            condition = {"type": "Ready", "status": "False", "lastTransitionTime": now}
            changes = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
            try:
                await self._rest.patch(
                    PODS, metadata["name"], changes, namespace=metadata["namespace"], subresource="status"
                )
            except (Conflict, NotFound):
                continue  # it is gone, or another pod has its name
            self._events.event(pod, "Warning", "NodeNotReady", "Node is not ready")


def condition_of(obj: Mapping[str, Any], kind: str) -> Object | None:
    """Return one of an object's conditions, or None."""
    conditions: Sequence[Object] = (obj.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), None)


def unknown_conditions(node: Mapping[str, Any], now: str) -> list[Object]:
    """Return the conditions that a silent node's kubelet would have to tell, as unknown; none if they are already."""
    found = []
    for kind in _WATCHED:
        known = condition_of(node, kind)
        if known is None:
            reason, message = "NodeStatusNeverUpdated", "Kubelet never posted node status."
            since = node["metadata"].get("creationTimestamp")
        elif known["status"] != "Unknown":
            reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
            since = known.get("lastHeartbeatTime")
        else:
            continue
        found.append(
            {
                "type": kind,
                "status": "Unknown",
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": since,
                "lastTransitionTime": now,
            }
        )
    return found


def _meaning(node: Object) -> Any:
    """Return what of a node matters here: not how often it was heard, nor its images."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return node.get("spec"), [(condition["type"], condition["status"]) for condition in conditions]
