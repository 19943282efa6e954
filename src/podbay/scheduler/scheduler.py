"""The scheduler: gives every pod that waits a node, through the API.

Takes pods and nodes from informers; gives Bindings, and for a pod that fits nowhere its condition and an event.
Invariant: a pod that was bound, or is being bound, counts on its node at once (assumed), so two pods never get the same
room; an assumption ends when the API server says where the pod is, or that it is not.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

import logging
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from podbay.api.errors import Conflict, NotFound, StatusError
from podbay.api.resources import NODES, PODS
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.cycle import Decision, decide
from podbay.scheduler.queue import SchedulingQueue
from podbay.scheduler.snapshot import snapshot
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

NAME: Final = "default-scheduler"


class Scheduler:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._pods = Informer(rest, PODS, clock, activity)
        self._nodes = Informer(rest, NODES, clock, activity)
        self._events = EventRecorder(rest, clock, activity, component=NAME)
        self._queue = SchedulingQueue(clock, activity)
        self._assumed: dict[str, str] = {}
        self._pods.on_change(self._pod_changed)
        self._nodes.on_change(self._node_changed)

    async def run(self) -> None:
        """Schedule until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._pods.run(), name="scheduler pods")
            scope.start(self._nodes.run(), name="scheduler nodes")
            scope.start(self._events.run(), name="scheduler events")
            await self._pods.synced.wait()
            await self._nodes.synced.wait()
            try:
                while True:
                    key = await self._queue.pop()
                    try:
                        await self._schedule(key)
                    finally:
                        self._queue.done()
            finally:
                await self._queue.close()

    async def _schedule(self, key: str) -> None:
        pod = self._pods.get(key)
        if pod is None or not _waits(pod) or key in self._assumed:
            return
        news = self._queue.news
        decision = decide(pod, snapshot(self._nodes.objects.values(), self._placed()), random.choice)
        try:
            if decision.node:
                await self._bind(key, pod, decision.node)
            else:
                await self._tell_unschedulable(pod, decision)
                self._queue.set_aside(key, _priority(pod), seen_news=news)
        except NotFound:
            self._assumed.pop(key, None)
        except (StatusError, TransportError) as error:
            _log.warning("scheduling %s: %s", key, error)
            self._assumed.pop(key, None)
            # Something changed under us or the server did not answer: look again after a back-off.
            self._queue.set_aside(key, _priority(pod), seen_news=-1)

    def _placed(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for key, pod in self._pods.objects.items():
            node = pod["spec"].get("nodeName") or self._assumed.get(key)
            if node:
                yield node, pod

    async def _bind(self, key: str, pod: Object, node: str) -> None:
        metadata = pod["metadata"]
        self._assumed[key] = node
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._rest.create(
            PODS, binding, namespace=metadata["namespace"], name=metadata["name"], subresource="binding"
        )
        told = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self._events.event(pod, "Normal", "Scheduled", told)

    async def _tell_unschedulable(self, pod: Object, decision: Decision) -> None:
        metadata = pod["metadata"]
        self._events.event(pod, "Warning", "FailedScheduling", decision.message)
        conditions = (pod.get("status") or {}).get("conditions") or ()
        known: Object = next((c for c in conditions if c["type"] == "PodScheduled"), {})
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": decision.message,
            "lastProbeTime": None,
            "lastTransitionTime": known.get("lastTransitionTime")
            if known.get("status") == "False"
            else format_time(self._clock.now()),
        }
        if all(known.get(name) == condition[name] for name in ("status", "reason", "message")):
            return
        changes = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
        try:
            await self._rest.patch(
                PODS, metadata["name"], changes, namespace=metadata["namespace"], subresource="status"
            )
        except Conflict:
            return  # another pod of that name by now

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        key = key_of(new or old or {})
        if new is not None and _waits(new):
            if (
                old is None
                or old["spec"] != new["spec"]
                or old["metadata"].get("labels") != new["metadata"].get("labels")
            ):
                self._queue.add(key, _priority(new))
            return
        self._queue.remove(key)
        placed = old is not None and (old["spec"].get("nodeName") or key in self._assumed)
        self._assumed.pop(key, None)
        if placed and (new is None or _finished(new)):
            self._queue.wake()

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            return
        if old is None or _relevant(old) != _relevant(new):
            self._queue.wake()


def _waits(pod: Object) -> bool:
    spec, metadata = pod["spec"], pod["metadata"]
    return (
        not spec.get("nodeName")
        and spec.get("schedulerName", NAME) == NAME
        and "deletionTimestamp" not in metadata
        and not spec.get("schedulingGates")
        and not _finished(pod)
    )


def _finished(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _priority(pod: Object) -> int:
    return int(pod["spec"].get("priority") or 0)


def _relevant(node: Object) -> tuple[Any, ...]:
    spec = node.get("spec") or {}
    status = node.get("status") or {}
    return node["metadata"].get("labels"), spec.get("taints"), spec.get("unschedulable"), status.get("allocatable")
