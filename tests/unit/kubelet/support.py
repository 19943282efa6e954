"""A kubelet on a pretended runtime and a real API server over a memory store, in one process on one moved clock."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from podbay.api.errors import NotFound
from podbay.api.resources import EVENTS, PODS
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.cri.fake import FakeRuntime
from podbay.cri.runtime import DnsConfig
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import Hooks, KubeletConfig
from podbay.kubelet.node.machine import Machine
from podbay.kubelet.stats.reader import Reader
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from podbay.store.memory import MemoryStore
from podbay.wire.http import PeerCertificate, Request, Response

Object = dict[str, Any]
NODE = "n1"
MACHINE = Machine(
    cpus=2,
    memory_bytes=4 << 30,
    disk_bytes=100 << 30,
    machine_id="m",
    system_uuid="s",
    boot_id="b",
    kernel="6.1",
    os_image="Debian",
    architecture="amd64",
    hostname="host",
    huge_pages={2 << 20: 0, 1 << 30: 0},
)


def pod(name: str = "p", *, image: str = "busybox", command: list[str] | None = None, **spec: Any) -> Object:
    """Return a pod for this node with one container ``main``."""
    container: Object = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent"}
    if command:
        container["command"] = command
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": NODE, "containers": [container], **spec},
    }


class BreakableTransport:
    """An in-process transport whose server can be out of reach."""

    def __init__(self, inner: InProcessTransport) -> None:
        self._inner = inner
        self.is_cut = False
        self.sent: list[str] = []

    async def send(self, request: Request) -> Response:
        if self.is_cut:
            raise TransportError("connection refused")
        self.sent.append(f"{request.method} {request.target.partition('?')[0]}")
        return await self._inner.send(request)

    async def close(self) -> None:
        await self._inner.close()


class House:
    """See the module."""

    def __init__(self, **runtime: Any) -> None:
        self.clock = ManualClock()
        self.activity = Activity()
        self.store = MemoryStore(self.clock)
        self.server = ApiServer(self.store, self.clock, ApiServerConfig(), self.activity)
        self.runtime = FakeRuntime(self.clock, self.activity, **runtime)
        self.admin = Rest(self._transport("admin", "system:masters"), "test")
        self.kubelet: Kubelet
        self.dns = DnsConfig()
        self.reader: Reader | None = None
        self.static_pod_path: Path | None = None
        self.sweeps = 0
        self.mended = 0
        self._kubelets = TaskScope()

    async def start_kubelet(self, *, is_cut: bool = False) -> None:
        """Start a kubelet, a new one on the same runtime after ``kill_kubelet``; wait until it has nothing to do."""
        self.link = BreakableTransport(self._transport(f"system:node:{NODE}", "system:nodes"))
        self.link.is_cut = is_cut
        config = KubeletConfig(
            node_name=NODE,
            address="192.0.2.1",
            root=Path("/absent"),
            log_root=Path("/absent"),
            resolver=lambda: self.dns,
            is_real=False,
            static_pod_path=self.static_pod_path,
        )
        rest = Rest(self.link, "kubelet")
        hooks = Hooks(sweep_runtime=self._sweep, mend_sandboxes=self._mend)
        self.kubelet = Kubelet(rest, self.runtime, config, self.clock, self.activity, MACHINE, hooks)
        if self.reader is not None:
            self.kubelet.measure_with(self.reader)
        self._running = self._kubelets.start(self.kubelet.run(), name="kubelet")
        if not is_cut:
            await self.kubelet.registered.wait()
            await self.kubelet.heard.wait()
        await self.activity.idle()

    async def kill_kubelet(self) -> None:
        """End the kubelet; what runs goes on."""
        await self._kubelets.close()

    async def run(self, *objects: Object) -> None:
        """Create pods and wait until nothing is left to do."""
        for obj in objects:
            await self.admin.create(PODS, obj, namespace=obj["metadata"]["namespace"])
        await self.activity.idle()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, step by step as things become due, and let everything happen."""
        await self.clock.advance(0)
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            due = self.clock.next_due_s()
            await self.clock.advance(left if due is None else min(left, max(due, 0.0)))
            await self.activity.idle()
        await self.activity.idle()

    async def pod(self, name: str = "p") -> Object:
        """Return a pod as the API server has it."""
        return await self.admin.get(PODS, name, namespace="default")

    async def status(self, name: str = "p") -> Object:
        """Return a pod's status."""
        status: Object = (await self.pod(name))["status"]
        return status

    async def container(self, name: str = "p") -> Object:
        """Return the status of a pod's first container."""
        found: Object = (await self.status(name))["containerStatuses"][0]
        return found

    async def delete(self, name: str = "p", *, grace_s: int | None = None) -> None:
        """Ask for a pod's end and wait until nothing is left to do."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        await self.admin.delete(PODS, name, namespace="default", options=options)
        await self.activity.idle()

    async def is_gone(self, name: str = "p") -> bool:
        """Tell whether the API server has forgotten a pod."""
        try:
            await self.pod(name)
        except NotFound:
            return True
        return False

    async def told(self, name: str = "p") -> list[tuple[str, str, str]]:
        """Return a pod's events in order: type, reason, message."""
        await self.activity.idle()
        events = (await self.admin.list(EVENTS, namespace="default"))["items"]
        mine = [e for e in events if e["involvedObject"]["name"] == name]
        mine.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e["type"], e["reason"], e["message"]) for e in mine]

    async def reasons(self, name: str = "p") -> list[str]:
        """Return the reasons of a pod's events in order."""
        return [reason for _, reason, _ in await self.told(name)]

    def count(self, method: str) -> int:
        """Return how often the runtime was asked for something."""
        return self.runtime.calls.count(method)

    async def _mend(self) -> None:
        self.mended += 1

    async def _sweep(self) -> None:
        self.sweeps += 1

    def _transport(self, user: str, group: str) -> InProcessTransport:
        return InProcessTransport(self.server.handle, PeerCertificate(user, (group,)), self.activity)


@asynccontextmanager
async def house(*, static_pod_path: Path | None = None, **runtime: Any) -> AsyncIterator[House]:
    """Run a house with one kubelet."""
    made = House(**runtime)
    made.static_pod_path = static_pod_path
    await made.server.start()
    try:
        await made.start_kubelet()
        yield made
    finally:
        await made.kill_kubelet()
        await made.runtime.shut_down()
        await made.server.close()
        await made.store.close()


def condition(status: Mapping[str, Any], kind: str) -> Object:
    """Return a condition of a status."""
    return next(dict(c) for c in status["conditions"] if c["type"] == kind)
