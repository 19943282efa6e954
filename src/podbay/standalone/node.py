"""One node of a cluster: containerd, network, kubelet and its HTTPS server, in the process that calls this.

Takes a place, the server's address and certificates; runs until cancelled. Containers go on running afterwards.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from podbay.api.resources import NODES
from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.informer import Informer
from podbay.client.rest import Rest
from podbay.cri.client import CriRuntime
from podbay.cri.runtime import DnsConfig
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import Hooks, KubeletConfig
from podbay.kubelet.server.handler import KubeletHandler
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.serving.door import serve
from podbay.standalone import containerd as runtimes
from podbay.standalone import network
from podbay.standalone.cluster import NodePlace
from podbay.standalone.images import recipes
from podbay.standalone.images.layer import build
from podbay.standalone.pki import Pki

_log = logging.getLogger(__name__)

_APPARMOR: Final = Path("/sys/module/apparmor/parameters/enabled")


class Node:
    """See the module."""

    def __init__(self, place: NodePlace, pki: Pki, *, server: str, address: str, port: int) -> None:
        self._place = place
        self._pki = pki
        self._server = server
        self._address = address
        self._port = port
        self._clock = RealClock()

    async def prepare(self) -> None:
        """Start containerd and make sure that it can make sandboxes. Raises ClusterError."""
        place = self._place
        for directory in (place.state, place.run, place.log, place.log / "pods"):
            directory.mkdir(parents=True, exist_ok=True)
        self._identity = self._pki.client(f"kubelet-{place.index}", f"system:node:{place.name}", ["system:nodes"])
        configuration = runtimes.configure(
            place, server=self._server, ca=self._pki.ca.certificate, identity=self._identity
        )
        self._containerd = runtimes.Containerd(place, configuration, self._clock)
        await self._containerd.start()
        self._runtime = CriRuntime(str(place.socket), self._clock)
        if await self._runtime.image(runtimes.SANDBOX_IMAGE) is None:
            archive = place.state / "pause.tar"
            await asyncio.to_thread(build, recipes.sandbox_recipe(), archive)
            await self._containerd.import_archive(archive)

    async def run(self) -> None:
        """Run the node until cancelled."""
        place, activity = self._place, Activity()
        config = self._pki.client_config(self._server, self._identity)
        transport = AiohttpTransport(config, tls=self._pki.client_context(self._identity))
        kubelet = Kubelet(
            Rest(transport, "podbay-kubelet"),
            self._runtime,
            KubeletConfig(
                node_name=place.name,
                address=self._address,
                port=self._port,
                root=place.state / "kubelet",
                log_root=place.log / "pods",
                cgroup_parent=place.cgroup,
                has_apparmor=has_apparmor(),
                resolver=lambda: DnsConfig(**network.resolver()),
            ),
            self._clock,
            activity,
            hooks=Hooks(network_up=self._network_up(Rest(transport, "podbay-kubelet"), activity)),
        )
        serving = self._pki.server(
            f"kubelet-server-{place.index}",
            f"system:node:{place.name}",
            ["system:nodes"],
            [self._address, "127.0.0.1", place.name],
        )
        door = await serve(
            KubeletHandler(kubelet), host=self._address, port=self._port, tls=self._pki.server_context(serving)
        )
        try:
            async with TaskScope() as scope:
                scope.start(self._containerd.keep_running(), name="containerd")
                await kubelet.run()
        finally:
            await door.close()
            await transport.close()
            await self._runtime.close()

    def _network_up(self, rest: Rest, activity: Activity) -> Callable[[], Awaitable[None]]:
        async def up() -> None:
            cidr = await pod_cidr(rest, self._place.name, self._clock, activity)
            network.write_cni(self._place, cidr)
            while not (await self._runtime.info()).network_ready:
                await self._clock.sleep(0.01)

        return up


async def pod_cidr(rest: Rest, node: str, clock: RealClock, activity: Activity) -> str:
    """Return the range of pod addresses that a node was given, waiting for it."""
    informer = Informer(rest, NODES, clock, activity, query={"fieldSelector": f"metadata.name={node}"})
    given = asyncio.Event()
    informer.on_change(lambda _, new: given.set() if new and (new.get("spec") or {}).get("podCIDR") else None)
    async with TaskScope() as scope:
        scope.start(informer.run(), name="own node")
        await given.wait()
    found = informer.objects[node]["spec"]["podCIDR"]
    return str(found)


def has_apparmor() -> bool:
    """Tell whether the kernel confines processes by AppArmor's profiles."""
    try:
        return _APPARMOR.read_text().startswith("Y")
    except OSError:
        return False
