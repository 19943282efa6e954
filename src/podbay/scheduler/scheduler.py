"""The scheduler: gives every pod that waits a node, through the API.

Takes pods and nodes from informers; gives Bindings, and for a pod that fits nowhere its condition and an event, and
the end of less important pods if that makes room. It decides one pod after the other, and writes in the background.
Invariant: a pod that was bound, or is being bound, counts on its node at once (assumed), so two pods never get the same
room; an assumption ends when the API server says where the pod is, or that it is not.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import (
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    STORAGE_CLASSES,
)
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.bind import bind, evict, write_status
from podbay.scheduler.cycle import Decision, decide, unschedulable_condition
from podbay.scheduler.filters import ON_PODS, ON_VOLUMES, Plugin, helps, room_helps
from podbay.scheduler.prebind import VolumePreBinder, VolumesNotBound
from podbay.scheduler.preemption import Candidate
from podbay.scheduler.queue import SchedulingQueue, Waiting
from podbay.scheduler.snapshot import NodeState, PodNeeds, Snapshot, needs_of
from podbay.scheduler.volumes import VolumeView
from podbay.wire.times import format_time

_log = logging.getLogger(__name__)

NAME: Final = "default-scheduler"
_WRITES: Final = 64  # at once; group commit makes them cheap together


class Scheduler:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._activity = activity
        self._pods = Informer(rest, PODS, clock, activity)
        self._nodes = Informer(rest, NODES, clock, activity)
        self._namespaces = Informer(rest, NAMESPACES, clock, activity)
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._volumes = Informer(rest, PERSISTENT_VOLUMES, clock, activity)
        self._classes = Informer(rest, STORAGE_CLASSES, clock, activity)
        self._budgets = Informer(rest, POD_DISRUPTION_BUDGETS, clock, activity)
        self._view = VolumeView(self._claims.objects, self._volumes.objects, self._classes.objects)
        self._prebinder = VolumePreBinder(rest, clock, self._pods, self._claims, self._volumes, self._view)
        self._events = EventRecorder(rest, clock, activity, component=NAME)
        self._queue = SchedulingQueue(clock, activity)
        self._snapshot = Snapshot()
        self._assumed: set[str] = set()
        self._nominated: dict[str, tuple[str, PodNeeds]] = {}  # for whom which node is being cleared
        self._slots = asyncio.Semaphore(_WRITES)
        self._pods.on_change(self._pod_changed)
        self._nodes.on_change(self._node_changed)
        self._namespaces.on_change(self._namespace_changed)
        for informer in (self._claims, self._volumes, self._classes):
            informer.on_change(self._volumes_changed)

    async def run(self) -> None:
        """Schedule until cancelled."""
        async with TaskScope() as scope:
            informers = (
                self._pods, self._nodes, self._namespaces, self._claims, self._volumes, self._classes, self._budgets
            )  # fmt: skip
            for informer in informers:
                scope.start(informer.run(), name=f"scheduler {informer.resource.plural}")
            scope.start(self._events.run(), name="scheduler events")
            for informer in informers:
                await informer.synced.wait()
            try:
                while True:
                    key = await self._queue.pop()
                    try:
                        self._schedule(key, scope)
                    finally:
                        self._queue.done()
                    await asyncio.sleep(0)  # a long queue must not keep the loop from everybody else
            finally:
                await self._queue.close()

    def _schedule(self, key: str, scope: TaskScope) -> None:
        """Decide for one pod; what follows is written by a task of its own."""
        pod = self._pods.get(key)
        if pod is None or not _waits(pod) or key in self._assumed:
            self._queue.remove(key)
            return
        needs = needs_of(pod)
        states, budgets = self._states_for(key, needs), self._budgets.objects.values()
        decision = decide(pod, needs, states, random.choice, self._labels_of, self._view, budgets)
        if decision.node:
            self._assumed.add(key)
            self._snapshot.place(key, decision.node, needs)
            if decision.volumes:
                self._prebinder.promise(decision.volumes, decision.node)
                scope.start(self._bind_volumes(key, pod, decision, scope), name=f"volumes of {key}")
                return
            work = self._bind(key, pod, decision.node)
        else:
            self._queue.set_aside(key, decision.refused_by)
            if decision.preempt is not None:
                self._nominated[key] = decision.preempt.node, needs
            elif decision.gives_up:
                self._nominated.pop(key, None)
            work = self._tell_unschedulable(pod, decision)
        self._start(work, key, scope)

    def _start(self, work: Coroutine[Any, Any, None], key: str, scope: TaskScope) -> None:
        self._activity.begin("scheduling")
        scope.start(self._write(work), name=f"schedule {key}")

    async def _bind_volumes(self, key: str, pod: Object, decision: Decision, scope: TaskScope) -> None:
        """Bind a pod once its claims are; meanwhile others are waited for, and that is no work of ours."""
        failed: Exception | None = None
        try:
            with self._activity.working("scheduling"):
                await self._prebinder.bind(decision.volumes, decision.node)
            await self._prebinder.wait(decision.volumes, decision.node, pod)
        except (StatusError, TransportError, VolumesNotBound) as error:
            failed = error
        finally:
            self._prebinder.forget(decision.volumes)
        if failed is None:
            self._start(self._bind(key, pod, decision.node), key, scope)
            return
        _log.warning("volumes of %s: %s", key, failed)
        self._wake(ON_VOLUMES)  # what was promised to it is free
        if self._forget(key, pod["metadata"]["uid"]):
            told = f'running PreBind plugin "VolumeBinding": {failed}'
            self._events.event(pod, "Warning", "FailedScheduling", told)
            self._queue.back_off(key)

    async def _write(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with self._slots:
                await work
        finally:
            work.close()
            self._activity.end("scheduling")

    async def _bind(self, key: str, pod: Object, node: str) -> None:
        metadata = pod["metadata"]
        try:
            await bind(self._rest, pod, node)
        except NotFound:
            self._forget(key, metadata["uid"])  # the informer will say so, too
        except (StatusError, TransportError) as error:
            _log.warning("binding %s: %s", key, error)
            if self._forget(key, metadata["uid"]):
                self._queue.back_off(key)
        else:
            told = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
            self._events.event(pod, "Normal", "Scheduled", told)

    def _forget(self, key: str, uid: str) -> bool:
        """End an assumption that did not come true; tell whether it was still that pod's."""
        pod = self._pods.get(key)
        if key not in self._assumed or pod is None or pod["metadata"]["uid"] != uid:
            return False
        self._assumed.discard(key)
        self._left(self._snapshot.displace(key))
        return True

    def _states_for(self, key: str, needs: PodNeeds) -> list[NodeState]:
        """Return every node's state; nodes that are being cleared for others as important hold those already."""
        states = {state.name: state for state in self._snapshot.nodes()}
        for other, (node, theirs) in self._nominated.items():
            if other != key and node in states and theirs.priority >= needs.priority:
                states[node] = states[node].supposing(added={other: theirs})
        return list(states.values())

    async def _tell_unschedulable(self, pod: Object, decision: Decision) -> None:
        now = format_time(self._clock.now())
        try:
            if decision.preempt is not None:
                await self._make_room(pod, decision.preempt, now)
            self._events.event(pod, "Warning", "FailedScheduling", decision.message)
            changed: Object = {}
            condition = unschedulable_condition(pod, decision.message, now)
            if condition is not None:
                changed["conditions"] = [condition]
            if decision.preempt is not None:
                changed["nominatedNodeName"] = decision.preempt.node
            elif decision.gives_up and (pod.get("status") or {}).get("nominatedNodeName"):
                changed["nominatedNodeName"] = None
            if changed:
                await write_status(self._rest, pod, changed)
        except (StatusError, TransportError) as error:
            _log.warning("status of %s: %s", key_of(pod), error)
            self._queue.wake(lambda waiting: waiting.key == key_of(pod))

    async def _make_room(self, pod: Object, chosen: Candidate, now: str) -> None:
        """Evict a pod's victims; who was promised the node and is less important must look elsewhere."""
        for victim in filter(None, map(self._pods.get, chosen.victims)):
            await evict(self._rest, victim, pod, now)
            told = f"Preempted by pod {pod['metadata']['uid']} on node {chosen.node}"
            self._events.event(victim, "Normal", "Preempted", told)
        for key, (node, theirs) in list(self._nominated.items()):
            other = self._pods.get(key)
            if node == chosen.node and other is not None and theirs.priority < _priority(pod):
                await write_status(self._rest, other, {"nominatedNodeName": None})

    def _volumes_changed(self, old: Object | None, new: Object | None) -> None:
        """Wake whom claims, volumes or classes keep waiting."""
        self._wake(ON_VOLUMES)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        key = key_of(new or old or {})
        if new is not None and not _finished(new) and new["spec"].get("nodeName"):
            self._assumed.discard(key)
            self._nominated.pop(key, None)
            self._queue.remove(key)
            needs, node = needs_of(new), new["spec"]["nodeName"]
            before = self._snapshot.place(key, node, needs)
            if before is not None and _is_less(needs, before):
                self._left(node)
            if old is None or _as_neighbour(old) != _as_neighbour(new):
                self._wake(ON_PODS)
        elif new is not None and _waits(new):
            self._take_nomination(key, old, new)
            if key not in self._assumed and (old is None or _wishes(old) != _wishes(new)):
                self._queue.add(key, _priority(new))
        else:
            self._assumed.discard(key)
            self._nominated.pop(key, None)
            self._queue.remove(key)
            self._left(self._snapshot.displace(key))
            self._wake(ON_PODS)

    def _take_nomination(self, key: str, old: Object | None, new: Object) -> None:
        """Take over which node a scheduler before us, or somebody else, has named for a pod."""
        nominated = (new.get("status") or {}).get("nominatedNodeName")
        if nominated == ((old or {}).get("status") or {}).get("nominatedNodeName"):
            return
        if nominated:
            self._nominated[key] = nominated, needs_of(new)
        else:
            self._nominated.pop(key, None)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if (old or {}).get("metadata", {}).get("labels") != (new or {}).get("metadata", {}).get("labels"):
            self._wake(ON_PODS)

    def _labels_of(self, namespace: str) -> Mapping[str, str]:
        found = self._namespaces.get(namespace)
        labels: Mapping[str, str] = (found or {}).get("metadata", {}).get("labels") or {}
        return labels

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._snapshot.drop_node(key_of(old or {}))
            return
        before = self._snapshot.node(key_of(new))
        after = self._snapshot.set_node(new)

        def could_help(waiting: Waiting) -> bool:
            pod = self._pods.get(waiting.key)
            return pod is not None and helps(waiting.refused_by, pod, needs_of(pod), before, after)

        self._queue.wake(could_help)

    def _left(self, node: str) -> None:
        """Wake whom the room that a pod left on a node could help."""
        state = self._snapshot.node(node) if node else None
        if state is None:
            return

        def could_help(waiting: Waiting) -> bool:
            pod = self._pods.get(waiting.key)
            return pod is not None and room_helps(waiting.refused_by, pod, needs_of(pod), state)

        self._queue.wake(could_help)

    def _wake(self, plugins: AbstractSet[Plugin]) -> None:
        """Wake whom one of these plugins keeps waiting: what they look at has changed."""
        self._queue.wake(lambda waiting: bool(waiting.refused_by & plugins))


def _is_less(now: PodNeeds, before: PodNeeds) -> bool:
    """Tell whether a pod takes less of something than before: it was resized."""
    return any(amount > now.requests.get(name, 0) for name, amount in before.requests.items())


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


def _as_neighbour(pod: Object) -> tuple[Any, ...]:
    """Return what of a pod on a node matters to pods elsewhere."""
    return pod["spec"].get("nodeName"), pod["metadata"].get("labels"), "deletionTimestamp" in pod["metadata"]


def _wishes(pod: Object) -> tuple[Any, ...]:
    """Return what of a pod a decision depends on; its conditions, which we write ourselves, do not count."""
    return pod["spec"], pod["metadata"].get("labels")
