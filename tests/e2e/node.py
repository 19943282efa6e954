"""An API server in memory and a kubelet on a real containerd, for tests of what containers see."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from podbay.api.errors import NotFound
from podbay.api.resources import EVENTS, PODS
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.cri.client import REQUEST_TIMEOUT_S, CriRuntime
from podbay.cri.runtime import ContainerState, DnsConfig
from podbay.kubelet import cgroups
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import KubeletConfig
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.store.memory import MemoryStore
from podbay.wire.http import PeerCertificate
from tests.e2e.containerd import BUSYBOX, PrivateContainerd
from tests.waiting import until

Object = dict[str, Any]
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


class Node:
    """An API server in memory and a kubelet on a real runtime."""

    def __init__(
        self,
        containerd: PrivateContainerd,
        socket: Path | None = None,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        **settings: Any,
    ) -> None:
        self._settings = settings
        self.clock = RealClock()
        self.directory = containerd.directory
        self.cgroup = f"/{containerd.bridge}"
        path = str(socket or containerd.socket)
        self.runtime = CriRuntime(path, self.clock, request_timeout_s=request_timeout_s)
        self.store = MemoryStore(self.clock)
        self.server = ApiServer(self.store, self.clock, ApiServerConfig())
        self.admin = Rest(self._transport("admin", "system:masters"), "test")
        self._kubelets = TaskScope()

    def start_kubelet(self) -> None:
        config = KubeletConfig(
            node_name="n1",
            address="127.0.0.1",
            root=self.directory / "kubelet",
            log_root=self.directory / "pods",
            cgroup_parent=self.cgroup,
            resolver=lambda: DnsConfig(servers=["192.0.2.53"], searches=["example.org"]),
            pinned_images=(SANDBOX_IMAGE,),
            **self._settings,
        )
        rest = Rest(self._transport("system:node:n1", "system:nodes"), "kubelet")
        self.kubelet = Kubelet(rest, self.runtime, config, self.clock, Activity())
        self._kubelets.start(self.kubelet.run(), name="kubelet")

    async def kill_kubelet(self) -> None:
        await self._kubelets.close()

    async def create(self, *containers: Object, name: str = "p", **spec: Any) -> None:
        for container in containers:
            container.setdefault("image", BUSYBOX)
            container.setdefault("imagePullPolicy", "Never")
        metadata = {"name": name, "namespace": "default"}
        body = {"metadata": metadata, "spec": {"nodeName": "n1", "containers": list(containers), **spec}}
        await self.admin.create(PODS, {"apiVersion": "v1", "kind": "Pod", **body}, namespace="default")

    async def once(self, holds: Callable[[Object], bool], name: str = "p") -> Object:
        """Return a pod's status once something holds of it."""
        status: Object = {}

        async def is_so() -> bool:
            found = (await self.admin.get(PODS, name, namespace="default")).get("status") or {}
            status.clear()
            status.update(found)
            return "containerStatuses" in status and holds(status)

        await until(is_so, status)
        return status

    async def finished(self, name: str = "p") -> Object:
        return await self.once(lambda status: status["phase"] in ("Succeeded", "Failed"), name)

    async def running(self, name: str = "p") -> Object:
        return await self.once(lambda status: all(s["ready"] for s in status["containerStatuses"]), name)

    async def waits(self, reason: str, name: str = "p") -> Object:
        """Return the waiting state of a pod's first container once it waits for this reason.

        A test names the reason: a container waits from the beginning, and an event is told before the status is.
        """

        def state(status: Object) -> Object:
            found: Object = status["containerStatuses"][0]["state"].get("waiting") or {}
            return found

        return state(await self.once(lambda status: state(status).get("reason") == reason, name))

    async def log(self, container: str = "main", name: str = "p", attempt: int = 0) -> list[str]:
        pod = await self.admin.get(PODS, name, namespace="default")
        directory = self.directory / "pods" / f"default_{name}_{pod['metadata']['uid']}"
        lines = (directory / container / f"{attempt}.log").read_text().splitlines()
        return [line.split(" ", 3)[3] for line in lines]

    async def delete(self, name: str = "p", grace_s: int = 1) -> None:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace_s}
        await self.admin.delete(PODS, name, namespace="default", options=options)

        async def is_gone() -> bool:
            try:
                await self.admin.get(PODS, name, namespace="default")
            except NotFound:
                return True
            return False

        await until(is_gone, f"{name} is gone")

    async def output(self, script: str, name: str = "p", container: Object | None = None, **spec: Any) -> list[str]:
        """Run a script to its good end in a pod, and return the lines that it wrote."""
        await self.create(shell(script, **(container or {})), name=name, restartPolicy="Never", **spec)
        status = await self.finished(name)
        lines = await self.log(name=name)
        assert status["phase"] == "Succeeded", (status, lines)
        await self.delete(name)
        return lines

    async def events(self, name: str = "p") -> list[tuple[str, str]]:
        """Return a pod's events as (reason, message), in order."""
        found = (await self.admin.list(EVENTS, namespace="default"))["items"]
        mine = [event for event in found if event["involvedObject"]["name"] == name]
        mine.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [(event["reason"], event["message"]) for event in mine]

    async def told(self, reason: str, message: str, name: str = "p") -> None:
        """Return once an event of a pod was told."""

        async def is_told() -> bool:
            return (reason, message) in await self.events(name)

        await until(is_told, f"{name} is told {reason}: {message}")

    async def reads(self, path: str, text: str | None, name: str = "p") -> None:
        """Return once a file in a pod's running container has a text, or is not there."""
        root = await self.root(name)

        def holds() -> bool:
            try:
                return (root / path.lstrip("/")).read_text() == text
            except FileNotFoundError:
                return text is None

        await until(holds, f"{path} has {text!r}")

    async def root(self, name: str = "p") -> Path:
        """Return the file system of a pod's running container, seen from its process."""
        sandbox = next(s for s in await self.runtime.sandboxes() if s.name == name)
        ids = [c.id for c in await self.runtime.containers() if c.sandbox_id == sandbox.id]
        states = [(key, (await self.runtime.container_status(key)).state) for key in ids]
        running = next(key for key, state in states if state is ContainerState.RUNNING)
        task = self.directory / "state" / "io.containerd.runtime.v2.task" / "k8s.io" / running / "init.pid"
        return Path(f"/proc/{task.read_text()}/root")

    async def is_empty(self) -> None:
        """Return once nothing of any pod is left on the node: no directory and no mount."""
        pods = f"{self.directory}/kubelet/pods/"
        await until(lambda: not self.kubelet.files.uids() and pods not in mounts(), "nothing of any pod is left")

    def _transport(self, user: str, group: str) -> InProcessTransport:
        return InProcessTransport(self.server.handle, PeerCertificate(user, (group,)))


@asynccontextmanager
async def one_node(
    containerd: PrivateContainerd,
    socket: Path | None = None,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
    **settings: Any,
) -> AsyncIterator[Node]:
    """Run an API server and a kubelet; ``socket`` is a stand-in's for containerd's own, ``settings`` the kubelet's."""
    node = Node(containerd, socket, request_timeout_s, **settings)
    await node.server.start()
    node.start_kubelet()
    try:
        yield node
    finally:
        await node.kill_kubelet()
        for sandbox in await node.runtime.sandboxes():
            await node.runtime.stop_sandbox(sandbox.id)
            await node.runtime.remove_sandbox(sandbox.id)
        for uid in node.kubelet.files.uids():
            node.kubelet.files.remove(uid)
        cgroups.remove(node.cgroup)
        await node.runtime.close()
        await node.server.close()
        await node.store.close()


def shell(script: str, name: str = "main", **more: Any) -> Object:
    return {"name": name, "command": ["sh", "-c", script], **more}


def mounts() -> str:
    return Path("/proc/mounts").read_text()


def mounted(*names: str, **more: Any) -> Object:
    """Return a container's part that mounts volumes, each at the path of its name."""
    return {"volumeMounts": [{"name": name, "mountPath": f"/{name}", **more} for name in names]}
