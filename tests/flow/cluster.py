"""A whole cluster in one process: real parts over the in-process transport, a memory store, fake runtimes, and a
clock that only a test moves.

Tests act as an administrator through ``rest`` and wait with ``settle`` (nothing is left to do now) and ``until``
(something is true, moving the clock from one due moment to the next). Nothing waits for real time.
Invariant: every part has its own identity and goes through the API server, as in a cluster of processes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from podbay.api.errors import NotFound
from podbay.api.resources import EVENTS, NODES, PODS, RESOURCES, Resource
from podbay.apiserver.audit.log import AuditLog
from podbay.apiserver.audit.log_file import LogFile
from podbay.apiserver.audit.policy_file import parse_audit_policy
from podbay.apiserver.audit.record import Auditor
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Object, Rest
from podbay.controllers.manager import ControllerManager
from podbay.cri.fake import FakeRuntime
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.node.machine import Machine
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.scheduler import Scheduler
from podbay.store.memory import MemoryStore
from podbay.wire.http import PeerCertificate

MACHINE: Final = Machine(
    cpus=4,
    memory_bytes=8 << 30,
    disk_bytes=100 << 30,
    machine_id="0123456789abcdef0123456789abcdef",
    system_uuid="01234567-89ab-cdef-0123-456789abcdef",
    boot_id="fedcba98-7654-3210-fedc-ba9876543210",
    kernel="6.1.0",
    os_image="Debian GNU/Linux 12 (bookworm)",
    architecture="amd64",
    hostname="machine",
    huge_pages={2 << 20: 0, 1 << 30: 0},
)
ROOT_CA: Final = "-----BEGIN CERTIFICATE-----\nbWluZQ==\n-----END CERTIFICATE-----\n"
# Work that stays in hand for so many turns without any change is waiting for the clock (a stop in its grace period).
_STUCK_TURNS: Final = 300
_RESOURCES: Final = {resource.group_resource: resource for resource in RESOURCES}


class Part:
    """Something that runs in a scope of its own, so that it can be killed and started again."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._scope = TaskScope()
        self.running: Any = None

    def start(self) -> Any:
        self.running = self._make()
        self._scope.start(self.running.run(), name=type(self.running).__name__)
        return self.running

    async def kill(self) -> None:
        await self._scope.close()


class Cluster:
    """See the module. Made by ``running_cluster``."""

    def __init__(self, directory: Path, audit_policy: str = "") -> None:
        self.clock = ManualClock()
        self.audit_log = AuditLog(LogFile(str(directory / "audit.log"), self.clock))
        auditor = Auditor(parse_audit_policy(audit_policy), self.audit_log, self.clock) if audit_policy else None
        self.activity = Activity()
        self.failures: list[BaseException] = []
        self.store = MemoryStore(self.clock)
        config = ApiServerConfig(root_ca=ROOT_CA, auditor=auditor)
        self.server = ApiServer(self.store, self.clock, config, self.activity)
        self.rest = self.rest_as("admin", "system:masters")
        self.scheduler = Part(lambda: Scheduler(self.rest_as("system:kube-scheduler"), self.clock, self.activity))
        self.controllers = Part(
            lambda: ControllerManager(
                self.rest_as, self.clock, self.activity, cluster_cidr="10.244.0.0/16", root_ca=ROOT_CA
            )
        )
        self.kubelets: dict[str, Part] = {}
        self.runtimes: dict[str, FakeRuntime] = {}
        self._directory = directory

    def rest_as(self, user: str, *groups: str) -> Rest:
        return Rest(InProcessTransport(self.server.handle, PeerCertificate(user, groups), self.activity), user)

    async def start(self) -> None:
        await self.server.start()
        self.scheduler.start()
        self.controllers.start()
        await self.settle()

    async def add_node(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        max_pods: int = 110,
        machine: Machine = MACHINE,
        **settings: Any,
    ) -> None:
        """Start a kubelet with a runtime of its own, and wait until its node is ready."""
        runtime = FakeRuntime(self.clock, self.activity, pod_cidr=f"10.244.{len(self.runtimes)}.0/24")
        config = KubeletConfig(
            node_name=name,
            address=f"192.168.0.{len(self.runtimes) + 1}",
            root=self._directory / name,
            log_root=self._directory / name / "logs",
            labels=dict(labels or {}),
            max_pods=max_pods,
            is_real=False,
            **settings,
        )

        def make() -> Kubelet:
            rest = self.rest_as(f"system:node:{name}", "system:nodes")
            return Kubelet(rest, runtime, config, self.clock, self.activity, machine)

        self.runtimes[name] = runtime
        self.kubelets[name] = Part(make)
        self.kubelets[name].start()
        await self.settle()

    async def settle(self) -> None:
        """Return when nothing can happen any more before the clock moves.

        That is: no work is in hand, and who follows all objects of a kind has seen the last change of one.
        """
        before: Any = None
        unchanged = 0
        quiet = 0
        while quiet < 10 and unchanged < _STUCK_TURNS:
            await asyncio.sleep(0)
            now = (self.activity.busy_with(), self.activity.seen(), self.server.objects.cache.revision)
            unchanged = unchanged + 1 if now == before else 0
            quiet = 0 if now[0] or self.behind() else quiet + 1
            before = now

    def behind(self) -> list[str]:
        """Return who has not seen the last change of what it follows; kubelets follow only their own pods."""
        found = []
        for who, revision in self.activity.seen().items():
            user, _, group_resource = who.partition(" ")
            resource = _RESOURCES[group_resource]
            window = self.server.objects.cache.of(resource).window
            if not user.startswith("system:node:") and window and revision < window[-1].revision:
                found.append(who)
        return found

    async def until(self, condition: Callable[[], Any], *, within_s: float = 60.0) -> float:
        """Move the clock, due moment by due moment, until a condition (also an async one) holds; return its time.

        Fails when it does not within that many seconds of the clock.
        """
        end = self.clock.monotonic() + within_s
        while True:
            await self.settle()
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return self.clock.monotonic()
            due_s = self.clock.next_due_s()
            if due_s is None or self.clock.monotonic() + due_s > end:
                raise AssertionError(
                    f"not within {within_s} seconds; in hand: {self.activity.busy_with()}, behind: {self.behind()}"
                )
            await self.clock.advance(due_s)

    async def until_running(self, name: str, namespace: str = "default", *, within_s: float = 60.0) -> float:
        """Move the clock until a pod runs; return its time."""

        async def runs() -> bool:
            return await self.phase(name, namespace) == "Running"

        return await self.until(runs, within_s=within_s)

    async def pass_time(self, seconds: float) -> None:
        """Let that much time pass, moment by moment."""
        end = self.clock.monotonic() + seconds
        await self.settle()
        while (due_s := self.clock.next_due_s()) is not None and self.clock.monotonic() + due_s <= end:
            await self.clock.advance(due_s)
            await self.settle()
        await self.clock.advance(end - self.clock.monotonic())
        await self.settle()

    async def create(self, pod: Object, namespace: str = "default") -> Object:
        """Create a pod and let everything happen that follows at once."""
        made = await self.rest.create(PODS, pod, namespace=namespace)
        await self.settle()
        return made

    async def pod(self, name: str, namespace: str = "default") -> Object:
        return await self.rest.get(PODS, name, namespace=namespace)

    async def phase(self, name: str, namespace: str = "default") -> str:
        """Return a pod's phase, or nothing for a pod that is not there."""
        try:
            return str((await self.pod(name, namespace))["status"].get("phase", ""))
        except NotFound:
            return ""

    async def exists(self, resource: Resource, name: str, namespace: str = "") -> bool:
        try:
            await self.rest.get(resource, name, namespace=namespace)
        except NotFound:
            return False
        return True

    @asynccontextmanager
    async def watching(self, resource: Resource, namespace: str, seen: list[Object]) -> AsyncIterator[None]:
        """Collect the frames that a watcher of a namespace gets during a block."""

        async def follow(batches: AsyncIterator[Sequence[Object]]) -> None:
            async for frames in batches:
                seen.extend(frames)

        async with self.rest.watch(resource, namespace=namespace) as batches, TaskScope() as scope:
            scope.start(follow(batches), name="watcher")
            yield
            await self.settle()

    async def label_node(self, name: str, **labels: str | None) -> None:
        await self.rest.patch(NODES, name, {"metadata": {"labels": labels}})
        await self.settle()

    async def events_of(self, name: str, namespace: str = "default") -> list[tuple[str, str, int]]:
        """Return (reason, message, count) of what was told about an object, in order."""
        page = await self.rest.list(EVENTS, namespace=namespace, query={"fieldSelector": f"involvedObject.name={name}"})
        items = sorted(page["items"], key=lambda e: (e["firstTimestamp"], int(e["metadata"]["resourceVersion"])))
        return [(event["reason"], event["message"], event.get("count", 1)) for event in items]

    async def close(self) -> None:
        for part in (*self.kubelets.values(), self.scheduler, self.controllers):
            await part.kill()
        for runtime in self.runtimes.values():
            await runtime.shut_down()
        await self.server.close()
        await self.audit_log.close()
        await self.store.close()


@asynccontextmanager
async def running_cluster(directory: Path, audit_policy: str = "") -> AsyncIterator[Cluster]:
    """Give a cluster without nodes, and end it."""
    cluster = Cluster(directory, audit_policy)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.close()


def pod(name: str, *command: str, **spec: Any) -> Object:
    """Return a pod of one container ``main``; without a command it serves until it is stopped."""
    container: Object = {"name": "main", "image": "luksa/kubia", **spec.pop("container", {})}
    if command:
        container["command"] = list(command)
    metadata = {"name": name, "labels": spec.pop("labels", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def condition(obj: Object, kind: str) -> Object:
    """Return one of an object's conditions."""
    found: Object = next((c for c in obj["status"].get("conditions") or () if c["type"] == kind), {})
    return found
