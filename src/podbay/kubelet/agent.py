"""The kubelet: makes the pods of one node real.

Takes the node's pods from the API server and the runtime's events; runs a worker per pod uid. Gives the streaming
server what it needs to find containers.
Invariant: nothing is stopped or removed before the API server's pods were heard once; a kubelet that loses the API
server keeps running and restarting what it has; one that starts again adopts what runs.
Source: https://kubernetes.io/docs/concepts/architecture/#kubelet
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer
from podbay.client.rest import Object, Rest
from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.images import Images
from podbay.kubelet.node.heartbeat import Heartbeat
from podbay.kubelet.node.machine import Machine, read_machine
from podbay.kubelet.observe import Observer
from podbay.kubelet.observed import POD_UID, Observed
from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.status_writer import StatusWriter
from podbay.kubelet.worker import Worker
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_log = logging.getLogger(__name__)

_SAFETY_RELIST_S: Final = 300.0


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
        network_up: Callable[[], Awaitable[None]] | None = None,
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
        self.images = Images(runtime, clock)
        self.observer = Observer(runtime, clock)
        self.status_writer = StatusWriter(rest)
        self.events = EventRecorder(rest, clock, activity, component="kubelet", host=config.node_name)
        self.heartbeat = Heartbeat(rest, runtime, config, self._machine, clock, activity)
        query = {"fieldSelector": f"spec.nodeName={config.node_name}"}
        self._source = Informer(rest, PODS, clock, activity, query=query)
        self._source.on_change(self._pod_changed)
        self._workers: dict[str, Worker] = {}
        self._owners: dict[str, str] = {}  # container or sandbox id -> pod uid
        self._image_ids: dict[str, str] = {}
        self._scope = TaskScope()
        self._network_up = network_up
        self.registered = asyncio.Event()

    @property
    def runtime_name(self) -> str:
        """Return the runtime's name, as container ids carry it."""
        return self.heartbeat.info.name or "containerd"

    async def run(self) -> None:
        """Register, then work until cancelled."""
        async with self._scope as scope:
            scope.start(self.events.run(), name="kubelet events")
            await self.heartbeat.register()
            if self._network_up is not None:
                await self._network_up()
                await self.heartbeat.register()
            self.registered.set()
            scope.start(self.heartbeat.run(), name="heartbeat")
            scope.start(self._source.run(), name="kubelet pods")
            scope.start(self._hear(), name="runtime events")
            await self._source.synced.wait()
            with self.activity.working("sweep"):
                await self._sweep()
            while True:
                await self.clock.sleep(_SAFETY_RELIST_S)
                for worker in self._workers.values():
                    worker.wake()

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

    def admit(self, pod: Mapping[str, Any], seen: Observed) -> tuple[str, str] | None:
        """Return why the node refuses a pod that it has not started yet, as (reason, message), or None."""
        if not seen.is_nothing or (pod.get("status") or {}).get("startTime"):
            return None
        if len(self._workers) > self.config.max_pods:
            return "OutOfpods", (
                f"Pod was rejected: Node didn't have enough resource: pods, requested: 1, used:"
                f" {len(self._workers) - 1}, capacity: {self.config.max_pods}"
            )
        return None

    async def fetch(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return a config map or secret that a pod names, or None. Raises StatusError, TransportError."""
        try:
            return await self._rest.get(CONFIG_MAPS if kind == "configmap" else SECRETS, name, namespace=namespace)
        except NotFound:
            return None

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

    async def image_ids(self, seen: Observed) -> Mapping[str, str]:
        """Return for each image reference of a pod's containers how its status names the image."""
        for container in seen.containers:
            reference = container.image_ref
            if reference and reference not in self._image_ids:
                image = await self.runtime.image(reference)
                digests = image.digests if image is not None else ()
                self._image_ids[reference] = digests[0] if digests else reference
            self._owners[container.id] = container.labels.get(POD_UID, "")
        for sandbox in seen.sandboxes:
            self._owners[sandbox.id] = sandbox.uid
        return self._image_ids

    def remove_files(self, pod: Mapping[str, Any]) -> None:
        """Remove a pod's directories. Raises OSError."""
        self.files.remove(pod["metadata"]["uid"])
        shutil.rmtree(sandboxes.log_directory(self.config.log_root, pod), ignore_errors=True)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            worker = self._workers.get(old["metadata"]["uid"])
            if worker is not None:
                worker.removed = True
                worker.wake()
            return
        uid = new["metadata"]["uid"]
        worker = self._workers.get(uid)
        if worker is None:
            worker = self._workers[uid] = Worker(self, new)
            self._scope.start(self._work(worker), name=f"pod {uid}")
        elif int(new["metadata"]["resourceVersion"]) > int(worker.pod["metadata"]["resourceVersion"]):
            if _meaning(worker.pod) != _meaning(new):
                worker.take(new)
            else:
                worker.pod = new

    async def _work(self, worker: Worker) -> None:
        try:
            await worker.run()
        finally:
            if worker.removed:
                self._workers.pop(worker.uid, None)
                self._owners = {key: uid for key, uid in self._owners.items() if uid != worker.uid}

    async def _hear(self) -> None:
        """Follow the runtime's events; whatever was missed while it was away is found by looking."""
        async for event in self.runtime.events():
            if event.kind == "connected":
                for worker in self._workers.values():
                    worker.wake()
                continue
            with self.activity.working("runtime event"):
                uid = self._owners.get(event.id) or await self._owner_of(event.id)
                owner = self._workers.get(uid or "")
                if owner is None:
                    continue
                if event.kind == "exit":
                    await self.observer.settled(event.id)
                owner.ended(event.id, oom=event.kind == "oom")

    async def _owner_of(self, container_id: str) -> str | None:
        try:
            return (await self.runtime.container_status(container_id)).labels.get(POD_UID)
        except RuntimeFailure:
            return None

    async def _sweep(self) -> None:
        """Remove what the runtime and the disk have of pods that the API server does not know."""
        known = {pod["metadata"]["uid"] for pod in self._source.objects.values()} | set(self._workers)
        try:
            everything = await self.observer.all()
        except RuntimeFailure as error:
            _log.warning("sweep: %s", error)
            return
        for uid, seen in everything.items():
            if uid in known:
                continue
            _log.info("removing what is left of pod %s", uid)
            try:
                for container in seen.running:
                    await self.runtime.stop_container(container.id, 2)
                for sandbox in seen.sandboxes:
                    await self.runtime.stop_sandbox(sandbox.id)
                    await self.runtime.remove_sandbox(sandbox.id)
                for container in seen.containers:
                    await self.runtime.remove_container(container.id)
            except RuntimeFailure as error:
                _log.warning("sweep of pod %s: %s", uid, error)
        if not self.config.is_real:
            return
        for uid in set(self.files.uids()) - known:
            await asyncio.to_thread(self.files.remove, uid)
        for uid in cgroups.pods_under(self.config.cgroup_parent) - known:
            cgroups.remove(sandboxes.cgroup_of(self.config, uid))
        for directory in _directories(self.config.log_root):
            if directory.name.rpartition("_")[2] not in known:
                shutil.rmtree(directory, ignore_errors=True)


def _meaning(pod: Mapping[str, Any]) -> Any:
    """Return what of a pod a worker acts upon: not its status, which the worker itself writes."""
    metadata = pod["metadata"]
    return (
        pod["spec"],
        metadata.get("deletionTimestamp"),
        metadata.get("deletionGracePeriodSeconds"),
        metadata.get("labels"),
        metadata.get("annotations"),
    )


def _directories(root: Path) -> list[Path]:
    return [entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
