"""The kubelet on a real containerd: what a pod's containers see, and what survives whose end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from podbay.api.errors import NotFound
from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.cri.client import CriRuntime
from podbay.cri.runtime import DnsConfig
from podbay.kubelet import cgroups
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import KubeletConfig
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.store.memory import MemoryStore
from podbay.wire.http import PeerCertificate
from tests.e2e.containerd import BUSYBOX, PrivateContainerd, private_containerd

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
# In a command, ``$$`` is Kubernetes' way to write a dollar.
SERVES = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"]


@pytest.fixture(scope="module")
def containerd() -> Iterator[PrivateContainerd]:
    with private_containerd() as containerd:
        yield containerd


class Node:
    """An API server in memory and a kubelet on a real runtime."""

    def __init__(self, containerd: PrivateContainerd) -> None:
        self.clock = RealClock()
        self.directory = containerd.directory
        self.cgroup = f"/{containerd.bridge}"
        self.runtime = CriRuntime(str(containerd.socket), self.clock)
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
            dns=DnsConfig(servers=["192.0.2.53"], searches=["example.org"]),
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
        try:
            async with asyncio.timeout(20):
                while True:
                    status = (await self.admin.get(PODS, name, namespace="default")).get("status") or {}
                    if "containerStatuses" in status and holds(status):
                        return status
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it stays so: {status}") from None

    async def finished(self, name: str = "p") -> Object:
        return await self.once(lambda status: status["phase"] in ("Succeeded", "Failed"), name)

    async def running(self, name: str = "p") -> Object:
        return await self.once(lambda status: all(s["ready"] for s in status["containerStatuses"]), name)

    async def log(self, container: str = "main", name: str = "p", attempt: int = 0) -> list[str]:
        pod = await self.admin.get(PODS, name, namespace="default")
        directory = self.directory / "pods" / f"default_{name}_{pod['metadata']['uid']}"
        lines = (directory / container / f"{attempt}.log").read_text().splitlines()
        return [line.split(" ", 3)[3] for line in lines]

    async def delete(self, name: str = "p", grace_s: int = 1) -> None:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": grace_s}
        await self.admin.delete(PODS, name, namespace="default", options=options)
        async with asyncio.timeout(20):
            while True:
                try:
                    await self.admin.get(PODS, name, namespace="default")
                except NotFound:
                    return
                await asyncio.sleep(0.02)

    def _transport(self, user: str, group: str) -> InProcessTransport:
        return InProcessTransport(self.server.handle, PeerCertificate(user, (group,)))


@asynccontextmanager
async def one_node(containerd: PrivateContainerd) -> AsyncIterator[Node]:
    node = Node(containerd)
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


@pytest.fixture
async def node(containerd: PrivateContainerd) -> AsyncIterator[Node]:
    async with one_node(containerd) as node:
        yield node


def shell(script: str, name: str = "main", **more: Any) -> Object:
    return {"name": name, "command": ["sh", "-c", script], **more}


def mounts() -> str:
    return Path("/proc/mounts").read_text()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.02)


async def test_the_containers_of_a_pod_share_what_they_should_and_nothing_else(node: Node) -> None:
    volume = {"name": "shared", "emptyDir": {}}
    mount = [{"name": "shared", "mountPath": "/shared"}]
    await node.create(
        shell(
            "hostname > /shared/name; readlink /proc/self/ns/ipc > /shared/ipc;"
            " readlink /proc/self/ns/net > /shared/net; touch /own;"
            " echo done > /shared/done; while true; do sleep 0.1; done",
            volumeMounts=mount,
        ),
        shell(
            "while ! [ -e /shared/done ]; do sleep 0.05; done; [ $(cat /shared/name) = $(hostname) ] && echo name;"
            " [ $(cat /shared/ipc) = $(readlink /proc/self/ns/ipc) ] && echo ipc;"
            " [ $(cat /shared/net) = $(readlink /proc/self/ns/net) ] && echo net;"
            " [ -e /own ] || echo files; [ $$$$ = 1 ] && echo processes; while true; do sleep 0.1; done",
            name="second",
            volumeMounts=mount,
        ),
        volumes=[volume],
        terminationGracePeriodSeconds=1,
    )
    status = await node.running()
    assert status["podIP"].startswith("10.213.")

    async def told() -> bool:
        return await node.log("second") == ["name", "ipc", "net", "files", "processes"]

    await until(told)
    await node.delete()


async def test_processes_are_shared_if_asked_and_orphans_are_reaped(node: Node) -> None:
    script = "[ $$$$ != 1 ] && grep -q catatonit /proc/1/comm && echo shared"
    await node.create(shell(script), shareProcessNamespace=True, restartPolicy="Never")
    await node.finished()
    assert await node.log() == ["shared"]


async def test_environment_hosts_and_resolver_are_the_pods_own(node: Node) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"greeting": "hi"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"WORD": "sesame"}}
    await node.admin.create(CONFIG_MAPS, config, namespace="default")
    await node.admin.create(SECRETS, secret, namespace="default")
    env = [
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "greeting"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "BOTH", "value": "$(GREETING) $$(WORD) $(WORD)"},
    ]
    await node.create(
        {
            "name": "main",
            "command": ["sh", "-c"],
            "args": [
                "echo \"$BOTH|$LIMIT|\"'$(BOTH)'; grep -q ^$IP.*p$ /etc/hosts && echo hosts; cat /etc/resolv.conf; pwd;"
                " echo last words > /dev/termination-log; exit 3"
            ],
            "env": env,
            "envFrom": [{"secretRef": {"name": "s"}}],
            "workingDir": "/tmp",
            "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}},
        },
        restartPolicy="Never",
    )
    status = await node.finished()
    state = status["containerStatuses"][0]["state"]["terminated"]
    assert (status["phase"], state["exitCode"], state["message"]) == ("Failed", 3, "last words\n")
    assert status["qosClass"] == "Guaranteed"
    assert await node.log() == [
        "hi $(WORD) sesame|64|hi $(WORD) sesame",
        "hosts",
        "search example.org",
        "nameserver 192.0.2.53",
        "/tmp",
    ]


async def test_too_much_memory_is_the_end(node: Node) -> None:
    await node.create(
        shell("yes | tr \\n x | head -c 200000000 | sort", resources={"limits": {"memory": "20Mi"}}),
        restartPolicy="Never",
    )
    state = (await node.finished())["containerStatuses"][0]["state"]["terminated"]
    assert state["reason"] == "OOMKilled"


async def test_a_memory_volume_is_in_memory_and_goes_with_its_pod(node: Node) -> None:
    volume = {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    script = (
        "grep ' /m ' /proc/mounts | cut -d ' ' -f 3; dd if=/dev/zero of=/m/x bs=1M count=2 2>/dev/null || echo full"
    )
    await node.create(
        shell(script, volumeMounts=[{"name": "m", "mountPath": "/m"}]), volumes=[volume], restartPolicy="Never"
    )
    await node.finished()
    assert await node.log() == ["tmpfs", "full"]
    await node.delete()

    async def gone() -> bool:
        return not node.kubelet.files.uids() and str(node.directory / "kubelet") not in mounts()

    await until(gone)


async def test_an_absent_image_and_an_absent_command_are_told(node: Node) -> None:
    await node.create({"name": "main", "image": "absent:1", "imagePullPolicy": "Never"}, name="image")
    await node.create({"name": "main", "command": ["/absent"]}, name="command")
    status = await node.once(lambda s: "waiting" in s["containerStatuses"][0]["state"], "image")
    status = await node.once(
        lambda s: s["containerStatuses"][0]["state"].get("waiting", {}).get("reason") == "ErrImageNeverPull", "image"
    )
    assert status["phase"] == "Pending"
    status = await node.once(lambda s: "terminated" in s["containerStatuses"][0]["lastState"], "command")
    last = status["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] in ("RunContainerError", "CrashLoopBackOff")
    await node.delete("image")
    await node.delete("command")


async def test_an_end_is_seen_and_the_container_restarted(node: Node) -> None:
    await node.create(shell("sleep 0.3; exit 1"))
    status = await node.once(lambda s: s["containerStatuses"][0]["restartCount"] == 1)
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1
    status = await node.once(lambda s: "waiting" in s["containerStatuses"][0]["state"])
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    await node.delete()


async def test_neither_the_end_of_the_kubelet_nor_of_containerd_restarts_anything(
    node: Node, containerd: PrivateContainerd
) -> None:
    await node.create({"name": "main", "command": SERVES})
    before = (await node.running())["containerStatuses"][0]
    await node.kill_kubelet()
    node.start_kubelet()
    await asyncio.to_thread(containerd.kill)
    await asyncio.to_thread(containerd.start)
    await node.create({"name": "main", "command": SERVES}, name="another")
    await node.running("another")
    after = (await node.running())["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert len(await node.runtime.sandboxes()) == 2
    await node.delete()
    await node.delete("another")


async def test_a_deleted_pod_leaves_nothing_behind(node: Node) -> None:
    await node.create({"name": "main", "command": SERVES})
    await node.running()
    pod = await node.admin.get(PODS, "p", namespace="default")
    uid = pod["metadata"]["uid"]
    assert uid in cgroups.pods_under(node.cgroup)
    await node.delete(grace_s=30)

    async def gone() -> bool:
        left = [*node.kubelet.files.uids(), *cgroups.pods_under(node.cgroup), *(node.directory / "pods").iterdir()]
        return not left and not await node.runtime.sandboxes()

    await until(gone)
