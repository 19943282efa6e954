"""The kubelet: makes the pods of one node real.

Takes the node's pods from the API server and the runtime's events; runs a worker per pod uid. Gives the streaming
server what it needs to find containers.
Invariant: nothing is stopped or removed before the API server's pods were heard once; a kubelet that loses the API
server keeps running and restarting what it has; one that starts again adopts what runs.
Source: https://kubernetes.io/docs/concepts/architecture/#kubelet
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from podbay.api.errors import Conflict, NotFound
from podbay.api.images import parse_image_name
from podbay.api.mirror_pods import is_mirror
from podbay.api.resources import PODS
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer
from podbay.client.rest import Object, Rest
from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet.allocation import Allocations
from podbay.kubelet.config import Hooks, KubeletConfig
from podbay.kubelet.container_garbage import ContainerGarbage
from podbay.kubelet.eviction.watching import Evictions, node_events, node_of
from podbay.kubelet.hooks import HookRunner
from podbay.kubelet.image_garbage import ImageGarbage, ImageGarbageFailure
from podbay.kubelet.images import Images
from podbay.kubelet.log_rotation import LogRotation
from podbay.kubelet.named_objects import NamedObjects
from podbay.kubelet.node.heartbeat import Heartbeat
from podbay.kubelet.node.machine import Machine, read_machine
from podbay.kubelet.observe import Observer
from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.probes.asking import Asker
from podbay.kubelet.probes.http import HttpGetter
from podbay.kubelet.probes.prober import Prober
from podbay.kubelet.removing import Remover
from podbay.kubelet.room import Room
from podbay.kubelet.runtime_events import RuntimeEvents
from podbay.kubelet.static_pods.running import StaticPods
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.stats.reader import NodeReader, Reader
from podbay.kubelet.status_writer import StatusWriter
from podbay.kubelet.user_namespaces import UserNamespaces
from podbay.kubelet.volumes.claims import ClaimedVolumes
from podbay.kubelet.volumes.following import Following
from podbay.kubelet.volumes.local_path import LocalPathVolumes
from podbay.kubelet.volumes.pod_volumes import PodVolumes
from podbay.kubelet.volumes.tokens import Tokens
from podbay.kubelet.worker import Worker
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_log = logging.getLogger(__name__)

_SAFETY_RELIST_S: Final = 300.0
_SANDBOXES_AT_ONCE: Final = 8  # more only slow each other down, until the runtime's patience ends
_PULLED_S: Final = 1.0
_MEND_AGAIN_S: Final = 10.0


class Kubelet:
    """See the module. ``run`` until cancelled; pods keep running afterwards."""

    def __init__(
        self,
        rest: Rest,
        runtime: Runtime,
        config: KubeletConfig,
        clock: Clock,
        activity: Activity,
        machine: Machine | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.activity = activity
        self.runtime = runtime
        self._rest = rest
        if config.is_real:
            config.root.mkdir(parents=True, exist_ok=True)
        self._machine = machine or read_machine(config.root)
        self.memory_bytes = self._machine.memory_bytes
        self.page_sizes = tuple(sorted(self._machine.huge_pages))
        self.files = PodFiles(config.root, config.host_hosts)
        self.allocations = Allocations(self.files, is_real=config.is_real)
        self.user_namespaces = UserNamespaces(self.files, config.max_pods, is_real=config.is_real)
        self.sandbox_slots = asyncio.Semaphore(_SANDBOXES_AT_ONCE)
        at_once = 1 if config.serialize_image_pulls else config.max_parallel_image_pulls
        self.images = Images(runtime, clock, at_once, lambda: self.heartbeat.look_again(_PULLED_S))
        self.observer = Observer(runtime, clock)
        self.getter = HttpGetter()
        self.hook_runner = HookRunner(runtime, self.getter, clock, is_real=config.is_real)
        self.prober = Prober(Asker(runtime, self.getter, is_real=config.is_real), clock, activity)
        self.status_writer = StatusWriter(rest)
        self.events = EventRecorder(rest, clock, activity, component="kubelet", host=config.node_name)
        self._image_garbage = ImageGarbage(
            runtime, config, clock, activity, tell=self._warn, mounted=self._mounted_images
        )
        self.heartbeat = Heartbeat(rest, runtime, config, self._machine, clock, activity)
        self._following = Following(rest, clock, activity, self._objects_changed)
        self.volumes = PodVolumes(
            config.root / "pods",
            self._following,
            Tokens(rest, clock),
            ClaimedVolumes(rest, config),
            clock,
            lambda: self.heartbeat.allocatable,
            is_real=config.is_real,
        )
        self.stats: Stats | None = None
        if config.is_real:
            self.measure_with(NodeReader(config, self.memory_bytes, self.volumes.path))
        self._local_volumes = LocalPathVolumes(rest, config, clock, activity, self.events)
        query = {"fieldSelector": f"spec.nodeName={config.node_name}"}
        self._source = Informer(rest, PODS, clock, activity, query=query)
        self._source.on_change(self._pod_changed)
        self.static_pods = StaticPods(self, rest)
        self._workers: dict[str, Worker] = {}
        self._scope = TaskScope()
        self._hooks = hooks or Hooks()
        self._mend_from = 0.0
        self.named_objects = NamedObjects(rest)
        self.room = Room(self, rest, self._machine)
        self.remover = Remover(self)
        self.container_garbage = ContainerGarbage(self, self._hooks.sweep_runtime)
        self.runtime_events = RuntimeEvents(self)
        self.registered = asyncio.Event()

    @property
    def runtime_name(self) -> str:
        """Return the runtime's name, as container ids carry it."""
        return self.heartbeat.info.name or "containerd"

    async def run(self) -> None:
        """Register, then work until cancelled."""
        async with AsyncExitStack() as stack:
            for part in (self.getter, self.prober):
                stack.push_async_callback(part.close)
            await stack.enter_async_context(self._following)
            await self._work_until_cancelled(await stack.enter_async_context(self._scope))

    async def _work_until_cancelled(self, scope: TaskScope) -> None:
        scope.start(self.events.run(), name="kubelet events")
        if self.config.is_real:
            await asyncio.to_thread(self.volumes.share)
        scope.start(self.runtime_events.run(), name="runtime events")
        scope.start(self.static_pods.run(), name="static pods")
        await self.heartbeat.register()
        if self._hooks.network_up is not None:
            await self._hooks.network_up()
            await self.heartbeat.register()
        self.registered.set()
        scope.start(self.heartbeat.run(), name="heartbeat")
        scope.start(self._source.run(), name="kubelet pods")
        scope.start(self._local_volumes.run(), name="local volumes")
        if self.stats is not None:
            scope.start(self.stats.run(), name="stats")
            scope.start(Evictions(self, self.stats, self.config, self._pressures_changed).run(), name="evictions")
        if self.config.is_real:
            scope.start(LogRotation(self.runtime, self.config, self.clock).run(), name="log rotation")
        await self._source.synced.wait()
        self.static_pods.wake()
        with self.activity.working("sweep"):
            await self.container_garbage.sweep()
        scope.start(self.container_garbage.run(), name="container garbage")
        if self.config.is_real:
            scope.start(self._image_garbage.run(), name="image garbage")
        while True:
            await self.clock.sleep(_SAFETY_RELIST_S)
            self.wake_all()

    def _warn(self, reason: str, message: str) -> None:
        """Tell a warning about the node."""
        self.events.event(node_of(self.config), "Warning", reason, message)

    def _mounted_images(self) -> set[str]:
        """Return the names of the images that pods have as volumes."""
        named = [
            volume["image"] for pod in self.pods() for volume in pod["spec"].get("volumes") or () if "image" in volume
        ]
        found = set()
        for volume in named:
            with contextlib.suppress(ValueError):
                found.add(str(parse_image_name(volume["reference"])))
        return found

    def measure_with(self, reader: Reader) -> None:
        """Have the node measured by another reader than its own; before it runs."""
        self.stats = Stats(reader, self.pods, self.runtime, self.clock, self.activity)

    @property
    def seccomp_root(self) -> str:
        """Return where the profiles are that pods name as local to the node."""
        return str(self.config.root / "seccomp")

    @property
    def heard(self) -> asyncio.Event:
        """Return what is set once the API server's pods were heard."""
        return self._source.synced

    def workers(self) -> list[Worker]:
        """Return the workers of all pods."""
        return list(self._workers.values())

    def worker_of(self, uid: str) -> Worker | None:
        """Return the worker of a pod, or None."""
        return self._workers.get(uid)

    def tell_of_node(self, kind: str, reason: str, message: str) -> None:
        """Record an event about the node."""
        self.events.event(node_of(self.config), kind, reason, message)

    async def remove_litter(self) -> None:
        """Remove dead containers, and images that nobody uses."""
        try:
            await self.container_garbage.collect()
            await self._image_garbage.remove_unused()
        except (RuntimeFailure, ImageGarbageFailure, OSError) as error:
            _log.warning("removing litter: %s", error)

    def _pressures_changed(self, pressures: Sequence[str]) -> None:
        """Hear under which pressures the node is now."""
        for reason in node_events(self.heartbeat.pressures, pressures):
            self.tell_of_node("Normal", reason, f"Node {self.config.node_name} status is now: {reason}")
        self.heartbeat.pressures = pressures
        self.heartbeat.look_again()

    def pods(self) -> list[Object]:
        """Return the pods that this kubelet has."""
        return [worker.pod for worker in self._workers.values()]

    def find_pod(self, namespace: str, name: str) -> Object | None:
        """Return the newest pod of a name, or None."""
        found = [
            worker.pod
            for worker in self._workers.values()
            if (worker.pod["metadata"]["namespace"], worker.pod["metadata"]["name"]) == (namespace, name)
        ]
        return found[-1] if found else None

    def has_forgotten(self, uid: str) -> bool:
        """Tell whether a pod is gone from this node."""
        return uid not in self._workers

    async def delete_pod(self, pod: Mapping[str, Any]) -> None:
        """Have the API server forget a pod whose containers have ended."""
        metadata = pod["metadata"]
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": metadata["uid"]},
        }
        try:
            await self._rest.delete(PODS, metadata["name"], namespace=metadata["namespace"], options=options)
        except (NotFound, Conflict):
            return  # it is gone, or another pod has its name

    async def mend_sandboxes(self, failure: RuntimeFailure) -> None:
        """Have the image of sandboxes brought back, if it was for want of it that one could not be made."""
        now = self.clock.monotonic()
        if self._hooks.mend_sandboxes is None or "image" not in failure.message or now < self._mend_from:
            return
        self._mend_from = now + _MEND_AGAIN_S
        _log.warning("the image of sandboxes is made anew: %s", failure)
        await self._hooks.mend_sandboxes()

    def _objects_changed(self, uids: Iterable[str]) -> None:
        """Hear that config maps or secrets changed that these pods' volumes take their content from."""
        self.volumes.changed(uids)
        for uid in uids:
            if uid in self._workers:
                self._workers[uid].wake()

    def start_static(self, pod: Object) -> None:
        """Run a pod that a file of the node says."""
        self._start(Worker(self, pod, is_static=True))

    def _start(self, worker: Worker) -> None:
        self._workers[worker.uid] = worker
        self._scope.start(self._work(worker), name=f"pod {worker.uid}")

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        changed = new or old
        assert changed is not None
        if is_mirror(changed):
            self.static_pods.mirror_changed(old, new)
            return
        if new is None:
            assert old is not None
            worker = self._workers.get(old["metadata"]["uid"])
            if worker is not None:
                worker.remove()
            return
        uid = new["metadata"]["uid"]
        worker = self._workers.get(uid)
        if worker is None:
            self._start(Worker(self, new))
        elif int(new["metadata"]["resourceVersion"]) > int(worker.pod["metadata"]["resourceVersion"]):
            worker.hear(new)

    async def _work(self, worker: Worker) -> None:
        try:
            await worker.run()
        finally:
            if worker.removed:
                self.container_garbage.expect()
                self._workers.pop(worker.uid, None)
                self.images.forget(worker.pod)
                self.allocations.forget(worker.uid)
                self.room.forget(worker.uid)
                self.room.made()
                self.static_pods.wake()
                self.runtime_events.forget_pod(worker.uid)

    def wake_all(self) -> None:
        """Have every pod looked at."""
        for worker in self._workers.values():
            worker.wake()

    @property
    def is_informed(self) -> bool:
        """Tell whether all is known that should run."""
        return self._source.synced.is_set() and self.static_pods.has_read

    def known_uids(self) -> set[str]:
        """Return the uids of the pods that somebody knows."""
        heard = {pod["metadata"]["uid"] for pod in self._source.objects.values()}
        return heard | self.static_pods.uids() | set(self._workers)
