"""``port-forward``: local ports that lead to a pod's.

Takes connections on local ports; carries each as a pair of streams over one WebSocket, as kubectl does.
Invariant: memory stays steady, since each side is read only while the other takes.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_port-forward/ ; KEP-4006.
"""

import asyncio
import signal
import socket as sockets
import sys
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.pods import pod_of
from podbay.kubectl.session import Object, Session
from podbay.kubectl.websocket import WebSocket
from podbay.lib.tasks import TaskScope
from podbay.wire.spdy import SpdyConnection

FLAGS: Final = (
    Flag(name="address", kind="list"),
    Flag(name="pod-running-timeout", kind="duration", default=60.0),
)
_PROTOCOL: Final = "SPDY/3.1+portforward.k8s.io"
_READ_BYTES: Final = 64 * 1024
_MOST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Port:
    """A local port (0: any) and the pod's."""

    local: int
    remote: int


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if len(flags.words) < 2:
        raise UsageError("TYPE/NAME and list of ports are required for port-forward")
    session = Session(flags)
    pod = pod_of(session, flags.words[0], "attach to")
    ports = [port_of(word, pod) for word in flags.words[1:]]
    phase = (pod.get("status") or {}).get("phase", "")
    if phase != "Running":
        raise CommandError(f"unable to forward port because pod is not running. Current status={phase}")
    addresses = _addresses(flags)
    # A shell starts background jobs with SIGINT ignored; kubectl listens to it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(_forward(session, pod, ports, addresses))
    except KeyboardInterrupt:
        return 0
    return 0


def port_of(word: str, pod: Object) -> Port:
    """Return the ports of ``8888:8080``, ``8080``, ``:8080`` or ``8888:http``. Raises CommandError."""
    parts = word.split(":")
    if len(parts) > 2:
        raise CommandError(f"invalid port format '{word}'")
    local, remote = (parts[0], parts[1]) if len(parts) == 2 else (parts[0], parts[0])
    named = None if remote.isdigit() else _named(remote, pod)
    if local == remote and named is not None:
        local = str(named)
    here = _number("local", local) if local else 0
    number = _number("remote", remote) if named is None else named
    if not number:
        raise CommandError("remote port must be > 0")
    return Port(here, number)


def _number(which: str, text: str) -> int:
    problem = (
        ""
        if text.isdigit() and int(text) <= _MOST_PORT
        else "value out of range"
        if text.isdigit()
        else "invalid syntax"
    )
    if problem:
        raise CommandError(f"error parsing {which} port '{text}': strconv.ParseUint: parsing \"{text}\": {problem}")
    return int(text)


def _named(name: str, pod: Object) -> int:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name:
                return int(port["containerPort"])
    raise CommandError(f"Pod '{pod['metadata']['name']}' does not have a named port '{name}'")


def _addresses(flags: Parsed) -> list[tuple[str, bool]]:
    """Return the addresses to listen on, each with whether it is of IPv6. Raises CommandError."""
    import ipaddress

    found: list[tuple[str, bool]] = []
    for address in flags["address"] or ["localhost"]:
        if address == "localhost":
            found += [("127.0.0.1", False), ("::1", True)]
            continue
        try:
            found.append((address, ipaddress.ip_address(address).version == 6))
        except ValueError:
            raise CommandError(f"{address} is not a valid IP") from None
    return list(dict.fromkeys(found))


async def _forward(session: Session, pod: Object, ports: list[Port], addresses: list[tuple[str, bool]]) -> None:
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"], subresource="portforward")
    try:
        socket = await WebSocket.open(session, target, {}, _PROTOCOL)
    except (CommandError, StatusError) as error:
        raise CommandError(f"error upgrading connection: {error}") from None
    async with socket, TaskScope() as scope:
        tunnel = Tunnel(socket)
        servers = [server for port in ports for server in await _listen(tunnel, port, addresses, scope)]
        if not servers:
            shown = " ".join(f"{{{port.local} {port.remote}}}" for port in ports)
            raise CommandError(f"unable to listen on any of the requested ports: [{shown}]")
        try:
            await tunnel.run()
        finally:
            for server in servers:
                server.close()
    raise CommandError("lost connection to pod")


async def _listen(
    tunnel: "Tunnel", port: Port, addresses: list[tuple[str, bool]], scope: TaskScope
) -> list[asyncio.Server]:
    servers: list[asyncio.Server] = []
    problems: list[str] = []
    local = port.local
    for address, is_v6 in addresses:
        shown = f"[{address}]" if is_v6 else address

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken: int = writer.get_extra_info("sockname")[1]
            scope.start(tunnel.carry(reader, writer, Port(taken, port.remote)), name="forwarded connection")

        try:
            server = await asyncio.start_server(
                accepted, address, local, family=sockets.AF_INET6 if is_v6 else sockets.AF_INET, limit=_READ_BYTES
            )
        except OSError as error:
            reason = (error.strerror or str(error)).rpartition(": ")[2].lower()
            family = "tcp6" if is_v6 else "tcp4"
            problems.append(f"unable to create listener: Error listen {family} {shown}:{local}: bind: {reason}")
            continue
        local = server.sockets[0].getsockname()[1]
        servers.append(server)
        _say(f"Forwarding from {shown}:{local} -> {port.remote}\n")
    if not servers:
        sys.stderr.write(
            f"Unable to listen on port {port.local}: Listeners failed to create with the following errors:"
            f" [{' '.join(problems)}]\n"
        )
    return servers


class Tunnel:
    """The streams of all forwarded connections, over one WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._spdy = SpdyConnection()
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._errors: dict[int, tuple[Port, bytearray]] = {}
        self._ended: dict[int, asyncio.Event] = {}
        self._number = 0

    async def run(self) -> None:
        """Carry what comes back until the connection ends, or the pod refuses a port."""
        while (message := await self._socket.receive()) is not None:
            for received in self._spdy.receive(message):
                if received.stream == 0:
                    return
                if received.stream in self._errors:
                    port, text = self._errors[received.stream]
                    text += received.data
                    if received.ended:
                        del self._errors[received.stream]
                        if text:
                            told = text.decode("utf-8", "replace")
                            sys.stderr.write(f"an error occurred forwarding {port.local} -> {port.remote}: {told}\n")
                            return
                    continue
                await self._give(received.stream, received.data, ended=received.ended)
            await self._flush()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: Port) -> None:
        """Carry one connection until both sides have ended it."""
        _say(f"Handling connection for {port.local}\n")
        headers = {"port": str(port.remote), "requestid": str(self._number)}
        self._number += 1
        error = self._spdy.open({"streamtype": "error", **headers})
        self._errors[error] = (port, bytearray())
        self._spdy.send(error, b"", end=True)
        data = self._spdy.open({"streamtype": "data", **headers})
        self._writers[data], self._ended[data] = writer, asyncio.Event()
        try:
            await self._flush()
            while chunk := await reader.read(_READ_BYTES):
                self._spdy.send(data, chunk)
                await self._flush()
            self._spdy.send(data, b"", end=True)
            await self._flush()
            await self._ended[data].wait()
        except OSError:
            self._spdy.send(data, b"", end=True)
        finally:
            self._writers.pop(data, None)
            self._ended.pop(data, None)
            writer.close()

    async def _give(self, stream: int, data: bytes, *, ended: bool) -> None:
        writer: Any = self._writers.get(stream)
        if writer is None:
            return
        try:
            if data:
                writer.write(data)
                await writer.drain()
            if ended and writer.can_write_eof():
                writer.write_eof()
        except OSError:
            ended = True
        if ended and stream in self._ended:
            self._ended[stream].set()

    async def _flush(self) -> None:
        data = self._spdy.take()
        if data:
            await self._socket.send(data)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
