"""One node of a cluster: containerd, network, kubelet and its HTTPS server, in the process that calls this.

Takes a place, a way to the API server, its address as pods see it, and certificates; runs until cancelled. Containers
go on running afterwards.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from podbay.api.resources import NODES
from podbay.client.informer import Informer
from podbay.client.rest import Rest
from podbay.client.transport import Transport
from podbay.cri.client import CriRuntime
from podbay.cri.runtime import DnsConfig
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import Hooks, KubeletConfig
from podbay.kubelet.server.handler import KubeletHandler
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.serving.door import serve
from podbay.standalone import kubelets, network
from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.standalone.credentials import Credentials
from podbay.standalone.errors import ClusterError
from podbay.standalone.images import recipes
from podbay.standalone.images.layer import build
from podbay.standalone.node_place import NodePlace
from podbay.standalone.runtime import GivenRuntime, NodeRuntime, PrivateRuntime
from podbay.standalone.settings import Settings

_log = logging.getLogger(__name__)

Connect = Callable[[Credentials, Activity], Transport]  # a way to the API server, as the node
_SPARE_S: Final = 30.0  # a call that nobody waits for any more takes a moment to end
_APPARMOR: Final = Path("/sys/module/apparmor/parameters/enabled")


class Node:
    """See the module."""

    def __init__(self, place: NodePlace, settings: Settings, connect: Connect, *, api_host: str, address: str) -> None:
        self._place = place
        self._settings = settings
        self._connect = connect
        self._api_host = api_host
        self._address = address
        self._clock = RealClock()
        self._credentials = Credentials(place.ca)
        self._runtime: NodeRuntime = (
            GivenRuntime(settings.runtime_endpoint, self._clock)
            if settings.runtime_endpoint
            else PrivateRuntime(place, settings, self._clock)
        )

    async def run(self) -> None:
        """Run the node until cancelled. Raises ClusterError if its runtime cannot be started, OSError."""
        place = self._place
        for directory in (place.state, place.run, place.log, place.log / "pods"):
            directory.mkdir(parents=True, exist_ok=True)
        await self._runtime.start()
        kubelet_config = replace(self._config(), **kubelets.configured(place.cluster))
        patience_s = kubelet_config.runtime_request_timeout_s
        cri = CriRuntime(self._runtime.endpoint, self._clock, request_timeout_s=patience_s)
        activity = Activity()
        transport = self._connect(self._credentials, activity)
        rest = Rest(transport, "podbay-kubelet")
        kubelet = Kubelet(
            rest,
            cri,
            kubelet_config,
            self._clock,
            activity,
            hooks=Hooks(
                network_up=self._network_up(rest, cri, activity),
                sweep_runtime=lambda: self._runtime.sweep(cri, patience_s + _SPARE_S),
                mend_sandboxes=self._mend_sandboxes,
            ),
        )
        tls = self._credentials.server_context(place.serving)
        try:
            door = await serve(KubeletHandler(kubelet), host=self._address, port=self._settings.kubelet_port, tls=tls)
            try:
                async with TaskScope() as scope:
                    scope.start(self._credentials.keep_fresh(self._clock), name="credentials")
                    scope.start(self._runtime.keep_running(), name="container runtime")
                    await kubelet.run()
            finally:
                await door.close()
        finally:
            await transport.close()
            await cri.close()

    def _config(self) -> KubeletConfig:
        place = self._place
        return KubeletConfig(
            node_name=place.name,
            address=self._address,
            port=self._settings.kubelet_port,
            root=place.state / "kubelet",
            log_root=place.log / "pods",
            cgroup_parent=place.cgroup,
            has_apparmor=has_apparmor(),
            pinned_images=(SANDBOX_IMAGE,),
            api_host=self._api_host,
            api_port=self._settings.port,
            resolver=lambda: DnsConfig(**network.resolver()),
        )

    def _network_up(self, rest: Rest, cri: CriRuntime, activity: Activity) -> Callable[[], Awaitable[None]]:
        """Return what makes the node fit for pods: an image for sandboxes, and a network."""

        async def network_up() -> None:
            cidr = await pod_cidr(rest, self._place.name, self._clock, activity)
            if not self._settings.runtime_endpoint:
                network.write_cni(self._place, cidr)
            while not (await cri.info()).network_ready:
                await self._clock.sleep(0.01)

        async def up() -> None:
            async with TaskScope() as scope:
                image = scope.start(self._sandbox_image(cri), name="sandbox image")
                await network_up()
                await image

        return up

    async def _sandbox_image(self, cri: CriRuntime) -> None:
        if not self._settings.runtime_endpoint and await cri.image(SANDBOX_IMAGE) is None:
            await self._import_sandbox_image()

    async def _mend_sandboxes(self) -> None:
        if self._settings.runtime_endpoint:
            return
        try:
            await self._import_sandbox_image()
        except (ClusterError, OSError) as error:
            _log.warning("the image of sandboxes: %s", error)

    async def _import_sandbox_image(self) -> None:
        archive = self._place.state / "pause.tar"
        await asyncio.to_thread(build, recipes.sandbox_recipe(), archive)
        await self._runtime.import_archive(archive)


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
