"""The server process: store, API server, scheduler and controllers, with the first node if it is wanted.

Takes a cluster's name; runs until it is told to end. Every part has an identity of its own and goes through the API
server's handler, also in this process.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from podbay import __version__
from podbay.api.resources import NODES
from podbay.apiserver.bodies import LIMIT_BYTES
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity, read_token_file
from podbay.apiserver.image_registry import ImageRegistry
from podbay.apiserver.server import ApiServer
from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.informer import Informer
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Object, Rest
from podbay.client.transport import Transport
from podbay.controllers.manager import ControllerManager
from podbay.kubelet.server.handler import API_SERVER
from podbay.lib.activity import Activity
from podbay.lib.clock import RealClock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.scheduler import Scheduler
from podbay.serving.door import serve
from podbay.standalone import auditing, containerd, network, processes
from podbay.standalone.admin import NAME as ADMIN
from podbay.standalone.cluster import Cluster
from podbay.standalone.credentials import Credentials, Pair
from podbay.standalone.errors import ClusterError
from podbay.standalone.node import Connect, Node
from podbay.standalone.node_place import NodePlace
from podbay.standalone.pki import Pki
from podbay.standalone.policy_file import PolicyFile
from podbay.standalone.settings import Settings
from podbay.store.sqlite import SqliteStore
from podbay.wire.http import PeerCertificate

_log = logging.getLogger(__name__)

ROUTES_USER: Final = "system:serviceaccount:kube-system:route-controller"


async def run_server(cluster: Cluster, *, with_node: bool = True) -> None:
    """Run the server until SIGTERM or SIGINT. Raises ClusterError, StoreUnavailable, OSError."""
    settings, clock, activity = cluster.settings(), RealClock(), Activity()
    place = cluster.node(1)
    processes.claim(cluster.server_pid, f"the server of cluster {cluster.name}")
    cluster.keep_private()
    pki = Pki(cluster.pki, clock)
    credentials = Credentials(pki.ca.certificate)
    address = network.host_address()
    gateway = network.ensure_node_bridge(cluster, settings.node_cidr) if settings.nodes > 1 or not address else ""
    node_address = gateway or address
    serving = _issue(pki, cluster, settings, [found for found in dict.fromkeys((address, gateway)) if found])
    kubelet_tls = credentials.client_context(cluster.pair("apiserver-kubelet-client"))
    root_ca = pki.ca.certificate.read_text("ascii")
    local = f"https://127.0.0.1:{settings.port}"
    async with AsyncExitStack() as stack:
        # Closed in reverse: our own parts are clients of the server, which needs its store.
        store = await SqliteStore.open(cluster.store, clock)
        stack.push_async_callback(store.close)
        auditor = auditing.auditor(cluster, clock)
        if auditor is not None:
            stack.push_async_callback(auditor.log.close)
        registry = ImageRegistry(cluster.registry, clock)
        config = ApiServerConfig(
            address=f"{node_address}:{settings.port}",
            kubelet_tls=lambda: kubelet_tls,
            registry=registry,
            auditor=auditor,
            tokens=_tokens(cluster.tokens),
            policies=PolicyFile(cluster.policies).policies,
            root_ca=root_ca,
            token_key=pki.token_key(),
        )
        server = ApiServer(store, clock, config, activity)
        await server.start()
        tls = credentials.server_context(serving)
        door = await serve(server.handle, host="0.0.0.0", port=settings.port, tls=tls, limit_bytes=LIMIT_BYTES)
        stack.push_async_callback(door.close)
        _log.info("podbay %s serves cluster %s on port %d", __version__, cluster.name, settings.port)
        stack.push_async_callback(server.close)
        scope = await stack.enter_async_context(TaskScope())
        scope.start(pki.keep_fresh(), name="certificates")
        scope.start(credentials.keep_fresh(clock), name="credentials")
        network.set_up_host(cluster, settings.cluster_cidr, settings.node_cidr)
        _start_parts(scope, server, settings, clock, activity, root_ca)
        node = None
        if with_node:
            containerd.configure(place, settings, server=local)  # for a server that nobody's `up` started
            connect = _within(server, place)
            node = Node(place, settings, connect, api_host=node_address, address=node_address)
        await _until_told(scope, node.run() if node is not None else None)


def _issue(pki: Pki, cluster: Cluster, settings: Settings, addresses: Sequence[str]) -> Pair:
    """Make sure that every part has a certificate of its own; return the server's."""
    names = ["127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    hosts = [*names, cluster.node(1).name, *addresses]
    pki.client(cluster.pair(ADMIN), "kubernetes-admin", ["system:masters"])
    pki.client(cluster.pair("apiserver-kubelet-client"), API_SERVER)
    for index in range(1, settings.nodes + 1):
        place = cluster.node(index)
        user, groups = place.user
        own = list(addresses) if index == 1 else [network.node_address(settings.node_cidr, index)]
        pki.client(place.identity, user, list(groups))
        pki.server(place.serving, user, list(groups), ["127.0.0.1", place.name, *own])
    return pki.server(cluster.pair("server"), "kube-apiserver", [], hosts)


def _within(server: ApiServer, place: NodePlace) -> Connect:
    """Return the way to the API server in the same process, with the identity that the node's certificate has."""
    user, groups = place.user
    return lambda _, activity: InProcessTransport(server.handle, PeerCertificate(user, groups), activity)


def _over_tls(server: str, place: NodePlace) -> Connect:
    """Return the way to an API server at an address, with the node's certificate."""

    def connect(credentials: Credentials, _: Activity) -> Transport:
        config = credentials.client_config(server, place.identity)
        return AiohttpTransport(config, tls=credentials.client_context(place.identity))

    return connect


def _tokens(path: Path) -> dict[str, Identity]:
    """Return who may come in by which bearer token: nobody, unless the cluster has a file of them."""
    try:
        return read_token_file(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ClusterError(f"{path}: {error}") from None


def _start_parts(
    scope: TaskScope, server: ApiServer, settings: Settings, clock: RealClock, activity: Activity, root_ca: str
) -> None:
    def rest_for(user: str) -> Rest:
        return Rest(InProcessTransport(server.handle, PeerCertificate(user), activity), f"podbay/{user}")

    scope.start(Scheduler(rest_for("system:kube-scheduler"), clock, activity).run(), name="scheduler")
    manager = ControllerManager(rest_for, clock, activity, cluster_cidr=settings.cluster_cidr, root_ca=root_ca)
    scope.start(manager.run(), name="controllers")
    if settings.nodes > 1:
        scope.start(_route_nodes(rest_for(ROUTES_USER), clock, activity), name="routes")


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
    """Run another node of a cluster on this machine, in the network namespace that it was started in.

    It has its own certificate, which the server made, and no other.
    """
    settings, place = cluster.settings(), cluster.node(index)
    if not place.identity.certificate.exists():
        raise ClusterError(
            f"node {place.name} has no certificate: `podbay up{cluster.flag} --nodes {index}` makes it a node"
        )
    processes.claim(place.agent_pid, f"the agent of node {place.name}")
    gateway = network.gateway()
    server = f"https://{gateway}:{settings.port}"
    node = Node(place, settings, _over_tls(server, place), api_host=gateway, address=network.own_address())
    containerd.configure(place, settings, server=server)
    _log.info("podbay %s runs node %s of cluster %s, server %s", __version__, place.name, cluster.name, server)
    async with TaskScope() as scope:
        await _until_told(scope, node.run())


async def _until_told(scope: TaskScope, work: Coroutine[Any, Any, None] | None) -> None:
    """Run until SIGTERM or SIGINT, or until the work fails. Raises what it raises."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    task = scope.start(work, name="node") if work is not None else None
    if task is not None:
        task.add_done_callback(lambda _: told.set())
    await told.wait()
    if task is not None and task.done():
        task.result()
