"""The server process: store, API server, scheduler and controllers, with the first node if it is wanted.

Takes a cluster's name; runs until it is told to end. Every part has an identity of its own and goes through the API
server's handler, also in this process.
"""

import asyncio
import logging
import signal
from pathlib import Path

from podbay.api.resources import NODES
from podbay.apiserver.bodies import LIMIT_BYTES
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity, read_token_file
from podbay.apiserver.image_registry import ImageRegistry
from podbay.apiserver.server import ApiServer
from podbay.client.informer import Informer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Object, Rest
from podbay.controllers.manager import ControllerManager
from podbay.kubelet.server.handler import API_SERVER
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.scheduler import Scheduler
from podbay.serving.door import serve
from podbay.standalone import network, processes
from podbay.standalone.cluster import Cluster, ClusterError, Settings
from podbay.standalone.node import Node
from podbay.standalone.pki import Pki
from podbay.store.sqlite import SqliteStore
from podbay.wire.http import PeerCertificate

_log = logging.getLogger(__name__)


async def run_server(cluster: Cluster, *, with_node: bool = True) -> None:
    """Run the server until SIGTERM or SIGINT. Raises ClusterError, StoreUnavailable, OSError."""
    settings, clock, activity = cluster.settings(), RealClock(), Activity()
    cluster.run.mkdir(parents=True, exist_ok=True)
    pki = Pki(cluster.pki, clock.now())
    address = network.host_address()
    gateway = network.ensure_node_bridge(cluster, settings.node_cidr) if settings.nodes > 1 or not address else ""
    node_address = gateway or address
    place = cluster.node(1)
    hosts = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", place.name]
    hosts += [found for found in {address, gateway} if found]
    serving = pki.server("server", "kube-apiserver", ["podbay"], hosts)
    to_kubelets = pki.client("apiserver-kubelet-client", API_SERVER, ["system:masters"])
    kubelet_tls = pki.client_context(to_kubelets)
    local = f"https://127.0.0.1:{settings.port}"
    node = Node(place, pki, server=local, address=node_address, port=settings.kubelet_port) if with_node else None
    store = await SqliteStore.open(cluster.store, clock)
    try:
        async with TaskScope() as scope:
            containerd = scope.start(node.prepare(), name="containerd start") if node else None
            server = ApiServer(
                store,
                clock,
                ApiServerConfig(
                    address=f"{node_address}:{settings.port}",
                    kubelet_tls=lambda: kubelet_tls,
                    registry=ImageRegistry(cluster.registry),
                    tokens=_tokens(cluster.tokens),
                ),
                activity,
            )
            await server.start()
            door = await serve(
                server.handle,
                host="0.0.0.0",
                port=settings.port,
                tls=pki.server_context(serving),
                limit_bytes=LIMIT_BYTES,
            )
            try:
                network.set_up_host(cluster, settings.cluster_cidr, settings.node_cidr)
                _start_parts(scope, server, settings, clock, activity)
                if containerd is not None and node is not None:
                    await containerd
                    scope.start(node.run(), name="node")
                await _told_to_end()
            finally:
                # Our own parts first: they are clients of the server that is about to end.
                await scope.close()
                await server.close()
                await door.close()
    finally:
        await store.close()


def _tokens(path: Path) -> dict[str, Identity]:
    """Return who may come in by which bearer token: nobody, unless the cluster has a file of them."""
    try:
        return read_token_file(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ClusterError(f"{path}: {error}") from None


def _start_parts(scope: TaskScope, server: ApiServer, settings: Settings, clock: RealClock, activity: Activity) -> None:
    def rest_for(user: str) -> Rest:
        return Rest(InProcessTransport(server.handle, PeerCertificate(user), activity), f"podbay/{user}")

    scope.start(Scheduler(rest_for("system:kube-scheduler"), clock, activity).run(), name="scheduler")
    manager = ControllerManager(rest_for, clock, activity, cluster_cidr=settings.cluster_cidr)
    scope.start(manager.run(), name="controllers")
    if settings.nodes > 1:
        masters = InProcessTransport(server.handle, PeerCertificate("podbay:routes", ("system:masters",)), activity)
        scope.start(_route_nodes(Rest(masters, "podbay-routes"), clock, activity), name="routes")


async def _route_nodes(rest: Rest, clock: RealClock, activity: Activity) -> None:
    """Keep the host's routes to the other nodes' pods."""
    informer = Informer(rest, NODES, clock, activity)
    own = network.host_address()

    def changed(_: Object | None, node: Object | None) -> None:
        cidr = ((node or {}).get("spec") or {}).get("podCIDR")
        addresses = {a["type"]: a["address"] for a in ((node or {}).get("status") or {}).get("addresses") or ()}
        address = addresses.get("InternalIP")
        if cidr and address and address != own and not network.is_local(address):
            network.route_to_node(cidr, address)

    informer.on_change(changed)
    await informer.run()


async def run_agent(cluster: Cluster, index: int) -> None:
    """Run another node of a cluster on this machine, in the network namespace that it was started in."""
    settings, clock = cluster.settings(), RealClock()
    pki = Pki(cluster.pki, clock.now())
    address = network.own_address()
    place = cluster.node(index)
    gateway = network.gateway()
    node = Node(place, pki, server=f"https://{gateway}:{settings.port}", address=address, port=settings.kubelet_port)
    await node.prepare()
    async with TaskScope() as scope:
        scope.start(node.run(), name="node")
        await _told_to_end()


async def _told_to_end() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def start_server(cluster: Cluster, command: list[str]) -> int:
    """Start the server as a process of its own; return its pid."""
    return processes.start(command, log=cluster.log / "server.log", pid_file=cluster.server_pid)


def start_agent(cluster: Cluster, index: int, command: list[str]) -> int:
    """Start an agent as a process of its own, in its node's network namespace; return its pid."""
    place = cluster.node(index)
    entered = ["nsenter", f"--net=/run/netns/{place.netns}", *command]
    return processes.start(entered, log=place.log / "agent.log", pid_file=agent_pid(cluster, index))


def agent_pid(cluster: Cluster, index: int) -> Path:
    """Return the file that names an agent's process."""
    return cluster.node(index).run / "agent.pid"
