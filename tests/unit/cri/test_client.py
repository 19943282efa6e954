"""The client's own part: what goes over gRPC, and what every failure becomes. A runtime's behaviour is the suite's.

The server here is grpclib's, on a socket of the test's, and answers what a test says.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server, Stream

from podbay.cri.client import CriRuntime
from podbay.cri.proto import events_pb2, runtime_pb2
from podbay.cri.runtime import (
    ContainerConfig,
    ContainerState,
    DnsConfig,
    HostPort,
    Mount,
    PullCredentials,
    RuntimeFailure,
    SandboxConfig,
)
from podbay.lib.clock import ManualClock, RealClock

pb: Any = runtime_pb2
events: Any = events_pb2
RUNTIME = "/runtime.v1.RuntimeService/"
IMAGES = "/runtime.v1.ImageService/"
EVENTS = "/containerd.services.events.v1.Events/Subscribe"
REQUESTS = {
    **{
        f"{RUNTIME}{name}": getattr(pb, f"{name}Request")
        for name in (
            "Version", "Status", "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PodSandboxStatus",
            "ListPodSandbox", "CreateContainer", "StartContainer", "StopContainer", "RemoveContainer",
            "ListContainers", "ContainerStatus", "Exec", "Attach", "PortForward",
        )
    },
    **{f"{IMAGES}{name}": getattr(pb, f"{name}Request") for name in ("ImageStatus", "RemoveImage", "PullImage")},
}  # fmt: skip


class Peer:
    """A runtime that answers as it is told, and remembers what it was asked."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "cri.sock"
        self.answers: dict[str, Message | Exception] = {}
        self.hangs = False
        self.asked: list[Any] = []
        self.subscribed: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.envelopes: list[list[Any]] = []
        self._server = Server([self])

    def __mapping__(self) -> dict[str, Handler]:
        found = {path: self._handler(path, request) for path, request in REQUESTS.items()}
        found[EVENTS] = Handler(self._subscribe, Cardinality.UNARY_STREAM, events.SubscribeRequest, events.Envelope)
        return found

    async def start(self) -> None:
        await self._server.start(path=str(self.path))

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _handler(self, path: str, request: type[Message]) -> Handler:
        async def answer(stream: Stream[Any, Any]) -> None:
            self.asked.append(await stream.recv_message())
            if self.hangs:
                await asyncio.Event().wait()
            found = self.answers[path]
            if isinstance(found, Exception):
                raise found
            await stream.send_message(found)

        return Handler(answer, Cardinality.UNARY_UNARY, request, getattr(pb, f"{path.rpartition('/')[2]}Response"))

    async def _subscribe(self, stream: Stream[Any, Any]) -> None:
        self.subscribed.append(await stream.recv_message())
        assert stream.metadata is not None
        self.metadata.append(dict(stream.metadata))
        for envelope in self.envelopes.pop(0):
            await stream.send_message(envelope)


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    made = Peer(tmp_path)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def runtime(peer: Peer) -> AsyncIterator[CriRuntime]:
    made = CriRuntime(f"unix://{peer.path}", RealClock())
    yield made
    await made.close()


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_every_code_of_grpc_is_told_with_its_message(peer: Peer, runtime: CriRuntime, status: Status) -> None:
    peer.answers[f"{RUNTIME}StartContainer"] = GRPCError(status, "what it said")
    with pytest.raises(RuntimeFailure) as caught:
        await runtime.start_container("c")
    assert (caught.value.code, caught.value.message) == (status.name, "what it said")


async def test_a_failure_without_words_is_told_by_its_code(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}StartContainer"] = GRPCError(Status.ABORTED)
    with pytest.raises(RuntimeFailure) as caught:
        await runtime.start_container("c")
    assert caught.value.message == "ABORTED"


async def test_a_runtime_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    runtime = CriRuntime(str(tmp_path / "nobody.sock"), RealClock())
    with pytest.raises(RuntimeFailure) as caught:
        await runtime.containers()
    assert caught.value.code == "UNAVAILABLE" and "nobody.sock" in caught.value.message
    await runtime.close()


async def test_a_runtime_that_hangs_up_is_unavailable(tmp_path: Path) -> None:
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), path=tmp_path / "rude.sock")
    runtime = CriRuntime(str(tmp_path / "rude.sock"), RealClock())
    async with server:
        with pytest.raises(RuntimeFailure) as caught:
            await runtime.containers()
    assert caught.value.code == "UNAVAILABLE"
    await runtime.close()


Call = Callable[[CriRuntime], Awaitable[None]]


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (f"{RUNTIME}StopPodSandbox", lambda runtime: runtime.stop_sandbox("x")),
        (f"{RUNTIME}RemovePodSandbox", lambda runtime: runtime.remove_sandbox("x")),
        (f"{RUNTIME}StopContainer", lambda runtime: runtime.stop_container("x", 1.5)),
        (f"{RUNTIME}RemoveContainer", lambda runtime: runtime.remove_container("x")),
        (f"{IMAGES}RemoveImage", lambda runtime: runtime.remove_image("x")),
    ],
)
async def test_what_is_gone_already_needs_no_removal(peer: Peer, runtime: CriRuntime, path: str, call: Call) -> None:
    peer.answers[path] = GRPCError(Status.NOT_FOUND, "gone")
    await call(runtime)
    peer.answers[path] = GRPCError(Status.UNKNOWN, "broken")
    with pytest.raises(RuntimeFailure):
        await call(runtime)


async def test_a_sandbox_is_asked_for_as_it_is_described(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}RunPodSandbox"] = pb.RunPodSandboxResponse(pod_sandbox_id="s1")
    config = SandboxConfig(
        name="p", namespace="n", uid="u", attempt=2, hostname="h", log_directory="/l", cgroup_parent="/c",
        dns=DnsConfig(servers=["10.0.0.1"], searches=["a"], options=["ndots:5"]),
        host_ports=[HostPort(container_port=80, host_port=8080, protocol="UDP", host_ip="127.0.0.1")],
        labels={"a": "b"}, annotations={"c": "d"}, share_process_namespace=True,
    )  # fmt: skip
    assert await runtime.run_sandbox(config) == "s1"
    asked = peer.asked[0].config
    named = asked.metadata
    assert (named.name, named.namespace, named.uid, named.attempt) == ("p", "n", "u", 2)
    assert (asked.hostname, asked.log_directory, asked.linux.cgroup_parent) == ("h", "/l", "/c")
    dns = asked.dns_config
    assert (list(dns.servers), list(dns.searches), list(dns.options)) == (["10.0.0.1"], ["a"], ["ndots:5"])
    port = asked.port_mappings[0]
    assert (port.container_port, port.host_port, port.host_ip) == (80, 8080, "127.0.0.1")
    assert port.protocol == pb.Protocol.Value("UDP")
    spaces = asked.linux.security_context.namespace_options
    assert (spaces.pid, spaces.network, spaces.ipc) == (pb.POD, pb.POD, pb.POD)
    assert (dict(asked.labels), dict(asked.annotations)) == ({"a": "b"}, {"c": "d"})


async def test_a_container_is_asked_for_as_it_is_described(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}CreateContainer"] = pb.CreateContainerResponse(container_id="c1")
    sandbox = SandboxConfig(name="p", namespace="n", uid="u", host_network=True)
    config = ContainerConfig(
        name="c", image="i", command=["sh"], args=["-c", "x"], working_dir="/w", envs=[("A", "1"), ("B", "")],
        mounts=[Mount(container_path="/in", host_path="/out", read_only=True)], tty=True, attempt=3,
    )  # fmt: skip
    assert await runtime.create_container("s1", config, sandbox) == "c1"
    request = peer.asked[0]
    asked = request.config
    assert (request.pod_sandbox_id, asked.metadata.attempt, asked.image.image) == ("s1", 3, "i")
    assert (list(asked.command), list(asked.args), asked.working_dir) == (["sh"], ["-c", "x"], "/w")
    assert [(env.key, env.value) for env in asked.envs] == [("A", "1"), ("B", "")]
    assert [(m.container_path, m.host_path, m.readonly) for m in asked.mounts] == [("/in", "/out", True)]
    spaces = asked.linux.security_context.namespace_options
    assert (spaces.pid, spaces.network) == (pb.CONTAINER, pb.NODE)
    assert request.sandbox_config.metadata.uid == "u"


async def test_a_grace_period_is_asked_for_in_whole_seconds(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}StopContainer"] = pb.StopContainerResponse()
    await runtime.stop_container("c", 30.0)
    assert (peer.asked[0].container_id, peer.asked[0].timeout) == ("c", 30)


async def test_a_status_comes_back_as_plain_data(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}ContainerStatus"] = pb.ContainerStatusResponse(
        status=pb.ContainerStatus(
            id="c", metadata=pb.ContainerMetadata(name="main", attempt=1), state=pb.CONTAINER_EXITED, exit_code=137,
            finished_at=5, reason="OOMKilled", labels={"a": "b"},
        )
    )  # fmt: skip
    found = await runtime.container_status("c")
    assert (found.state, found.exit_code, found.reason) == (ContainerState.EXITED, 137, "OOMKilled")
    assert (found.name, found.attempt, found.finished_at, found.labels) == ("main", 1, 5, {"a": "b"})


async def test_an_image_that_is_not_there_is_none(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{IMAGES}ImageStatus"] = pb.ImageStatusResponse()
    assert await runtime.image("i") is None
    peer.answers[f"{IMAGES}ImageStatus"] = pb.ImageStatusResponse(image=pb.Image(id="x", repo_tags=["t"], size=7))
    found = await runtime.image("i")
    assert found is not None and (found.id, found.tags, found.size_bytes) == ("x", ("t",), 7)


@pytest.mark.parametrize(
    ("call", "at_least_s"),
    [
        (lambda runtime: runtime.start_container("c"), 0.2),
        (lambda runtime: runtime.run_sandbox(SandboxConfig(name="p", namespace="n", uid="u")), 0.4),
        (lambda runtime: runtime.stop_container("c", 1.0), 1.2),
    ],
)
async def test_a_runtime_that_hangs_is_given_up_in_time(peer: Peer, call: Call, at_least_s: float) -> None:
    peer.hangs = True
    runtime = CriRuntime(f"unix://{peer.path}", RealClock(), request_timeout_s=0.2)
    began = time.monotonic()
    with pytest.raises(RuntimeFailure) as caught:
        await call(runtime)
    assert time.monotonic() - began >= at_least_s
    assert str(caught.value) == "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    await runtime.close()


async def test_a_pull_may_take_as_long_as_it_takes(peer: Peer) -> None:
    peer.hangs = True
    runtime = CriRuntime(f"unix://{peer.path}", RealClock(), request_timeout_s=0.05)
    pull = asyncio.ensure_future(runtime.pull_image("quay.io/a:1"))
    with pytest.raises(RuntimeFailure):
        await runtime.start_container("c")
    assert not pull.done()
    pull.cancel()
    await runtime.close()


async def test_an_image_is_pulled_by_nobody_or_as_somebody(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{IMAGES}PullImage"] = pb.PullImageResponse(image_ref="sha256:1")
    assert await runtime.pull_image("quay.io/a:1") == "sha256:1"
    await runtime.pull_image("quay.io/a:1", PullCredentials(username="me", password="secret"))
    nobody, somebody = peer.asked
    assert (nobody.image.image, nobody.HasField("auth")) == ("quay.io/a:1", False)
    assert (somebody.auth.username, somebody.auth.password) == ("me", "secret")


async def test_a_terminal_has_no_error_stream_of_its_own(peer: Peer, runtime: CriRuntime) -> None:
    peer.answers[f"{RUNTIME}Exec"] = pb.ExecResponse(url="http://127.0.0.1:1/exec/t")
    url = await runtime.exec_url("c", ["sh"], stdin=True, stdout=True, stderr=True, tty=True)
    assert url == "http://127.0.0.1:1/exec/t"
    assert (peer.asked[0].tty, peer.asked[0].stdin, peer.asked[0].stderr) == (True, True, False)


def exit_of(key: str, container: str, code: int = 0) -> Any:
    found = events.Envelope(topic="/tasks/exit")
    ended = events.TaskExit(container_id=container, id=key, exit_status=code)
    found.event.value = ended.SerializeToString()
    return found


async def test_ends_are_heard_also_over_a_connection_that_was_lost(peer: Peer) -> None:
    oom = events.Envelope(topic="/tasks/oom")
    oom.event.value = events.TaskOOM(container_id="b").SerializeToString()
    peer.envelopes = [[exit_of("a", "a", 3), exit_of("an-exec", "a")], [oom], []]
    clock = ManualClock()
    runtime = CriRuntime(str(peer.path), clock)
    heard: list[tuple[str, str, int]] = []
    following = aiter(runtime.events())
    while len(heard) < 6:
        following_one = asyncio.ensure_future(anext(following))
        while not following_one.done():
            await clock.advance(0.1)
        event = following_one.result()
        heard.append((event.kind, event.id, event.exit_code))
    assert heard == [
        ("connected", "", 0),
        ("exit", "a", 3),
        ("lost", "", 0),
        ("connected", "", 0),
        ("oom", "b", 0),
        ("lost", "", 0),
    ]
    assert peer.metadata[0]["containerd-namespace"] == "k8s.io"
    assert list(peer.subscribed[0].filters) == ['topic~="^/tasks/(exit|oom)$"']
    await following.aclose()  # type: ignore[attr-defined]  # it is a generator
    await runtime.close()
