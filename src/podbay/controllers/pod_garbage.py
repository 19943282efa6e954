"""The pod garbage collector: pods of a node that is no more have nobody left who could end them, so it does.

Takes pods and nodes from informers; marks the pods of a node that has been missing for 40 seconds as failed, and
deletes them for good.
Invariant: a pod is collected only after the API server itself said that its node is not there; a node that comes back
in time keeps its pods.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
"""

import logging
from typing import Final

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import NODES, PODS
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

QUARANTINE_S: Final = 40.0


class PodGarbageCollector:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._pods = Informer(rest, PODS, clock, activity)
        self._nodes = Informer(rest, NODES, clock, activity)
        informers = (self._pods, self._nodes)
        self._controller = Controller("pod garbage collector", informers, self._reconcile, clock, activity)
        self._pods.on_change(self._pod_changed)
        self._nodes.on_change(self._node_changed)

    async def run(self) -> None:
        """Collect until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._pods.run(), name="pod garbage pods")
            scope.start(self._nodes.run(), name="pod garbage nodes")
            await self._controller.run(workers=1)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        node = (new or {}).get("spec", {}).get("nodeName")
        if node and self._nodes.get(node) is None:
            self._controller.queue.add_after(node, QUARANTINE_S)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._controller.queue.add_after(key_of(old or {}), QUARANTINE_S)

    async def _reconcile(self, node: str) -> float | None:
        orphans = [pod for pod in self._pods.objects.values() if pod["spec"].get("nodeName") == node]
        if not orphans or self._nodes.get(node) is not None:
            return None
        try:
            await self._rest.get(NODES, node)
        except NotFound:
            for pod in orphans:
                await self._collect(pod)
        return None

    async def _collect(self, pod: Object) -> None:
        metadata = pod["metadata"]
        name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
        _log.info("pod %s is deleted: its node %s no longer exists", key_of(pod), pod["spec"]["nodeName"])
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        try:
            if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                changes = {"metadata": {"uid": uid}, "status": failed_status(format_time(self._clock.now()))}
                await self._rest.patch(PODS, name, changes, namespace=namespace, subresource="status")
            await self._rest.delete(PODS, name, namespace=namespace, options=options)
        except (NotFound, Conflict):
            return  # it is gone, or another pod has its name


def failed_status(now: str) -> Object:
    """Return the changes to the status of a pod whose node is no more. Pure."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
        "lastTransitionTime": now,
    }
    return {"phase": "Failed", "conditions": [condition]}
