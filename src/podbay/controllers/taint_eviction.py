"""The taint eviction controller: pods leave a node whose taints they do not tolerate, at once or when their time is up.

Takes pods and nodes from informers; deletes pods, and says on them and in an event why.
Invariant: a pod's time begins when the taint is first seen here and does not begin anew while the taint stays; a taint
that goes in time takes the deletion back.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions
"""

from typing import Any, Final

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import NODES, PODS
from podbay.api.taints import stay_s
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time

_REASON: Final = "TaintManagerEviction"


class TaintEvictionController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._pods = Informer(rest, PODS, clock, activity)
        self._nodes = Informer(rest, NODES, clock, activity)
        self._events = EventRecorder(rest, clock, activity, component="taint-eviction-controller")
        informers = (self._pods, self._nodes)
        self._controller = Controller("taint eviction controller", informers, self._reconcile, clock, activity)
        self._since: dict[str, tuple[str, float]] = {}  # by pod: its uid, and when its time began
        self._pods.on_change(self._pod_changed)
        self._nodes.on_change(self._node_changed)

    async def run(self) -> None:
        """Evict until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._pods.run(), name="taint eviction pods")
            scope.start(self._nodes.run(), name="taint eviction nodes")
            scope.start(self._events.run(), name="taint eviction events")
            await self._controller.run(workers=1)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._since.pop(key_of(old or {}), None)
        elif new["spec"].get("nodeName") and (old is None or _meaning(old) != _meaning(new)):
            self._controller.queue.add(key_of(new))

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or _taints(old) == _taints(new):
            return
        name = key_of(new)
        for key, pod in self._pods.objects.items():
            if pod["spec"].get("nodeName") == name:
                self._controller.queue.add(key)

    async def _reconcile(self, key: str) -> float | None:
        pod = self._pods.get(key)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            self._since.pop(key, None)
            return None
        node = self._nodes.get(pod["spec"].get("nodeName") or "")
        limit_s = stay_s(_taints(node), pod["spec"].get("tolerations") or ())
        uid, now_s = pod["metadata"]["uid"], self._clock.monotonic()
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if limit_s is None:
            if self._since.pop(key, ("", 0.0))[0] == uid:
                self._events.event(pod, "Normal", _REASON, f"Cancelling deletion of Pod {name}")
            return None
        if self._since.get(key, ("", 0.0))[0] != uid:
            self._since[key] = uid, now_s
        left_s = self._since[key][1] + limit_s - now_s
        if left_s > 0:
            return left_s
        self._events.event(pod, "Normal", _REASON, f"Marking for deletion Pod {name}")
        await self._evict(pod)
        return None

    async def _evict(self, pod: Object) -> None:
        metadata = pod["metadata"]
        name, namespace, uid = metadata["name"], metadata["namespace"], metadata["uid"]
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": format_time(self._clock.now()),
        }
        changes = {"metadata": {"uid": uid}, "status": {"conditions": [condition]}}
        try:
            await self._rest.patch(PODS, name, changes, namespace=namespace, subresource="status")
            await self._rest.delete(PODS, name, namespace=namespace, options={"preconditions": {"uid": uid}})
        except (NotFound, Conflict):
            return  # it is gone, or another pod has its name


def _taints(node: Object | None) -> list[Object]:
    found: list[Object] = ((node or {}).get("spec") or {}).get("taints") or []
    return found


def _meaning(pod: Object) -> Any:
    return pod["spec"].get("nodeName"), pod["spec"].get("tolerations"), "deletionTimestamp" in pod["metadata"]
