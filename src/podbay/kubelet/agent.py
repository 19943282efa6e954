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
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from podbay.api.errors import Conflict, NotFound, StatusError
from podbay.api.images import parse_image_name
from podbay.api.mirror_pods import is_mirror
from podbay.api.resources import CONFIG_MAPS, NODES, PODS, RUNTIME_CLASSES, SECRETS
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.cri.runtime import Container, Runtime, RuntimeEvent, RuntimeFailure
from podbay.kubelet import admission, log_files, resizing, sandboxes, security, sysctls
from podbay.kubelet.allocation import Allocations
from podbay.kubelet.config import Hooks, KubeletConfig
from podbay.kubelet.eviction import pressure
from podbay.kubelet.eviction.watching import Evictions, node_events, node_of
from podbay.kubelet.hooks import HookRunner
from podbay.kubelet.image_garbage import ImageGarbage, ImageGarbageFailure
from podbay.kubelet.images import Images
from podbay.kubelet.log_rotation import LogRotation
from podbay.kubelet.node.heartbeat import Heartbeat
from podbay.kubelet.node.machine import Machine, read_machine
from podbay.kubelet.observe import Observer
from podbay.kubelet.observed import POD_UID, Observed
from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.probes.asking import Asker
from podbay.kubelet.probes.http import HttpGetter
from podbay.kubelet.probes.prober import Prober
from podbay.kubelet.static_pods.running import StaticPods
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.stats.reader import NodeReader, Reader
from podbay.kubelet.status_writer import StatusWriter
from podbay.kubelet.sweep import sweep
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
_SUBSCRIBED_S: Final = 1.0
_LATE_S: Final = 10.0
_ABANDONED_S: Final = 60.0
_LOST_S: Final = 2.0
_SANDBOXES_AT_ONCE: Final = 8  # more only slow each other down, until the runtime's patience ends
_PULLED_S: Final = 1.0
_HEAR_AGAIN_S: Final = 1.0
_GARBAGE_S: Final = 60.0
_SELDOM: Final = 5  # times as long
_MEND_AGAIN_S: Final = 10.0
_REMEMBERED: Final = 1000
_FETCHED: Final = {"configmap": CONFIG_MAPS, "secret": SECRETS, "runtimeclass": RUNTIME_CLASSES}


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
        self._owners: dict[str, str] = {}  # container or sandbox id -> pod uid
        self._connections = 0
        self._has_litter = False
        self._scope = TaskScope()
        self._hooks = hooks or Hooks()
        self._mend_from = 0.0
        self._fetched: dict[tuple[str, str, str], Object] = {}
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
        scope.start(self._hear(), name="runtime events")
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
            await self._sweep()
        scope.start(self._collect_garbage(), name="container garbage")
        if self.config.is_real:
            scope.start(self._image_garbage.run(), name="image garbage")
        while True:
            await self.clock.sleep(_SAFETY_RELIST_S)
            self._wake_all()

    async def _collect_garbage(self) -> None:
        """Remove what is dead, again and again: of pods that nobody knows everything, of others what nobody needs.

        A node at rest is looked at seldom: garbage comes of what ends.
        """
        seldom = 0
        while True:
            await self.clock.sleep(_GARBAGE_S)
            seldom = (seldom + 1) % _SELDOM
            if not self._has_litter and seldom:
                continue
            self._has_litter = False
            with self.activity.working("container garbage"):
                try:
                    await sweep(self.runtime, self.observer, self.files, self.config, self._known_uids, self)
                except (RuntimeFailure, OSError) as error:
                    self._has_litter = True
                    _log.warning("container garbage collection: %s", error)
                    self._warn("ContainerGCFailed", str(error))

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

    def tell_of_node(self, kind: str, reason: str, message: str) -> None:
        """Record an event about the node."""
        self.events.event(node_of(self.config), kind, reason, message)

    async def remove_litter(self) -> None:
        """Remove dead containers, and images that nobody uses."""
        try:
            await sweep(self.runtime, self.observer, self.files, self.config, self._known_uids, self)
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

    async def refusal(self, pod: Object, *, is_static: bool = False) -> tuple[str, str] | None:
        """Return why the node refuses a pod that it has not started yet, as (reason, message), or None.

        A static pod is taken also under pressure, and when the API server does not tell what the node's labels are.
        """
        status = pod.get("status") or {}
        if status.get("startTime"):
            return None  # it was taken before
        node = None
        if not any(condition["type"] == "PodScheduled" for condition in status.get("conditions") or ()):
            try:
                node = await self._rest.get(NODES, self.config.node_name)  # nobody has looked at the node's labels
            except (StatusError, TransportError):
                if not is_static:
                    raise
        others = self._others(pod["metadata"]["uid"])
        return (
            pressure.refusal(pod, () if is_static else self.heartbeat.pressures)
            or sysctls.refusal(pod, self._machine.kernel, self.config.allowed_unsafe_sysctls)
            or admission.refusal(pod, others, self.heartbeat.allocatable, node)
            or security.refusal(
                pod,
                has_apparmor=self.config.has_apparmor,
                can_groups=bool(self.heartbeat.info.supplemental_groups_policy),
            )
        )

    def resize_refusal(self, pod: Object) -> tuple[str, str] | None:
        """Return why the node does not give a pod what it wants now, as (reason, message), or None."""
        return resizing.refusal(pod, self._others(pod["metadata"]["uid"]), self.heartbeat.allocatable)

    def room_made(self) -> None:
        """Hear that a pod takes less of the node than before: whoever waits for more may get it."""
        for worker in self._workers.values():
            if worker.resizer.is_pending:
                worker.wake()

    def _others(self, uid: str) -> list[Object]:
        return [worker.pod for key, worker in self._workers.items() if key != uid and worker.is_taken]

    async def fetch(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return a config map, secret or runtime class that a pod names, or None.

        What was seen last serves while the API server is away. Raises StatusError, TransportError.
        """
        key = (kind, namespace, name)
        try:
            found = await self._rest.get(_FETCHED[kind], name, namespace=namespace)
        except NotFound:
            self._fetched.pop(key, None)
            return None
        except TransportError:
            if key not in self._fetched:
                raise
            return self._fetched[key]
        self._fetched.pop(key, None)
        self._fetched[key] = found
        if len(self._fetched) > _REMEMBERED:
            del self._fetched[next(iter(self._fetched))]
        return found

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

    def own(self, uid: str, seen: Observed) -> None:
        """Remember whose the runtime's sandboxes and containers are, for when their ends are told."""
        self._owners.update(dict.fromkeys([c.id for c in seen.containers] + [s.id for s in seen.sandboxes], uid))

    def remove_files(self, pod: Mapping[str, Any]) -> None:
        """Remove a pod's directories. Raises OSError."""
        self.files.remove(pod["metadata"]["uid"])
        shutil.rmtree(sandboxes.log_directory(self.config.log_root, pod), ignore_errors=True)

    async def remove_container(self, uid: str, container: Container) -> None:
        """Remove a container that was superseded, with its log and its last words. Raises RuntimeFailure."""
        await self.runtime.remove_container(container.id)
        self._owners.pop(container.id, None)
        if self.config.is_real:
            log_files.remove(sandboxes.log_of(self.config.log_root, container))
            self.files.forget_message(uid, container.name, container.attempt)

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
                self._has_litter = True
                self._workers.pop(worker.uid, None)
                self.images.forget(worker.pod)
                self.allocations.forget(worker.uid)
                self.room_made()
                self.static_pods.wake()
                self._owners = {key: uid for key, uid in self._owners.items() if uid != worker.uid}

    async def _hear(self) -> None:
        """Follow the runtime's events for ever: a kubelet that is deaf would see no container end."""
        while True:
            try:
                await self._follow_runtime()
            except Exception:
                _log.exception("following the runtime's events")
            await self.clock.sleep(_HEAR_AGAIN_S)

    async def _follow_runtime(self) -> None:
        """Follow the runtime's events; whatever was missed while it was away is found by looking."""
        async for event in self.runtime.events():
            if event.kind == "lost":
                self.heartbeat.look_again(_LOST_S)  # one that is started again at once was not away
                continue
            if event.kind != "connected":
                self._has_litter = True
                self._scope.start(self._heard(event), name="runtime event")
                continue
            self._connections += 1
            self.heartbeat.look_again()
            self._wake_all()
            if self._connections > 1:
                with self.activity.working("sweep"):
                    await self._sweep()
            self._scope.start(self._look_again(), name="look again")

    async def _look_again(self) -> None:
        """Look once more soon after connecting: the runtime does not say when the subscription has begun to hold.

        And sweep a little later, for what a killed runtime's children were still making; and once more when nobody
        waits any more for what they may have made after the runtime was back.
        """
        await self.clock.sleep(_SUBSCRIBED_S)
        self._wake_all()
        for later_s in (_LATE_S, self.config.runtime_request_timeout_s + _ABANDONED_S):
            await self.clock.sleep(later_s)
            with self.activity.working("sweep"):
                await self._sweep_runtime()

    async def _heard(self, event: RuntimeEvent) -> None:
        with self.activity.working("runtime event"):
            uid = self._owners.get(event.id) or await self._owner_of(event.id)
            owner = self._workers.get(uid or "")
            if owner is None:
                return
            if event.kind == "exit":
                await self.observer.settled(event.id)
            owner.ended(event.id, oom=event.kind == "oom")

    async def _owner_of(self, container_id: str) -> str | None:
        try:
            return (await self.runtime.container_status(container_id)).labels.get(POD_UID)
        except RuntimeFailure:
            return None

    def _wake_all(self) -> None:
        for worker in self._workers.values():
            worker.wake()

    async def _sweep(self) -> None:
        """Remove what the runtime and the disk have of pods that nobody knows. Does nothing before pods were heard."""
        if not self._is_informed():
            return
        try:
            await sweep(self.runtime, self.observer, self.files, self.config, self._known_uids, self)
        except (RuntimeFailure, OSError) as error:
            _log.warning("sweep: %s", error)
        await self._sweep_runtime()

    async def _sweep_runtime(self) -> None:
        """Remove what a killed runtime left behind. Does nothing before pods were heard, either."""
        if self._hooks.sweep_runtime is None or not self._is_informed():
            return
        try:
            await self._hooks.sweep_runtime()
        except (RuntimeFailure, OSError) as error:
            _log.warning("sweep of the runtime: %s", error)

    def _is_informed(self) -> bool:
        """Tell whether all is known that should run."""
        return self._source.synced.is_set() and self.static_pods.has_read

    def _known_uids(self) -> set[str]:
        heard = {pod["metadata"]["uid"] for pod in self._source.objects.values()}
        return heard | self.static_pods.uids() | set(self._workers)
