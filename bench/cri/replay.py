"""Plays a pod's recorded requests again, over one open channel, with nothing of podbay around them: the floor.

Takes the calls that podbay sent from a pod's creation until it ran; sends the same bytes but for the ids that the
runtime gives, each as soon as those have been answered that had been answered when podbay sent it.
Invariant: the pod's files and directories are there before the first request, and gone with its sandbox afterwards.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from grpclib.client import Channel, UnaryUnaryMethod

from bench.cri.proxy import Bytes, Call
from podbay.cri.proto import runtime_pb2

pb: Any = runtime_pb2
NOT_OF_A_POD: Final = ("Version", "Status", "ListImages", "ImageFsInfo")
ESSENTIAL: Final = ("RunPodSandbox", "CreateContainer", "StartContainer")


class Replay:
    """See the module. Make it while the recorded pod still runs: it looks at the pod's files."""

    def __init__(self, calls: Sequence[Call], socket: Path) -> None:
        self.calls = [call for call in calls if call.method not in NOT_OF_A_POD]
        self._socket = socket
        self._files = _files(self.calls)
        self._channel: Channel | None = None

    async def open(self) -> None:
        """Open the channel to containerd."""
        self._channel = Channel(path=str(self._socket), codec=Bytes())
        await self._ask("/runtime.v1.RuntimeService/Version", pb.VersionRequest(version="v1").SerializeToString())

    async def run(self, *, only: Sequence[str] = ()) -> float:
        """Make the pod; return how many seconds it took until the last answer. ``only`` leaves other methods out."""
        await asyncio.to_thread(self._make_files)
        took, ids = await self._make(only)
        await self._remove(ids)
        await asyncio.to_thread(self._remove_files)
        return took

    async def run_many(self, count: int, at_once: int) -> float:
        """Make many such pods, some at a time; return how many seconds it took until the last answer of all."""
        await asyncio.to_thread(self._make_files)
        turn = asyncio.Semaphore(at_once)

        async def one(index: int) -> list[str]:
            async with turn:
                return (await self._make((), f"-{index}"))[1]

        began = time.monotonic()
        made = await asyncio.gather(*(one(index) for index in range(count)))
        took = time.monotonic() - began
        for ids in made:
            await self._remove(ids)
        await asyncio.to_thread(self._remove_files)
        return took

    async def _make(self, only: Sequence[str], suffix: str = "") -> tuple[float, list[str]]:
        """Send the requests; return how long it took, and the sandboxes that were made."""
        calls = [call for call in self.calls if not only or call.method in only]
        ids: dict[str, str] = {}
        ended = [asyncio.Event() for _ in calls]
        before = predecessors(calls)

        async def send(index: int) -> None:
            for other in before[index]:
                await ended[other].wait()
            call = calls[index]
            answer = await self._ask(call.path, with_ids(call, ids, suffix))
            _learn(call, answer, ids)
            ended[index].set()

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for index in range(len(calls)):
                group.create_task(send(index))
        took = time.monotonic() - began
        return took, [new for old, new in ids.items() if _is_sandbox(old, calls)]

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()

    async def _ask(self, path: str, request: bytes) -> bytes:
        assert self._channel is not None
        method: Any = UnaryUnaryMethod(self._channel, path, bytes, bytes)
        return bytes(await method(request))

    async def _remove(self, sandboxes: Sequence[str]) -> None:
        for sandbox in sandboxes:
            for method, message in (
                ("StopPodSandbox", pb.StopPodSandboxRequest(pod_sandbox_id=sandbox)),
                ("RemovePodSandbox", pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox)),
            ):
                await self._ask(f"/runtime.v1.RuntimeService/{method}", message.SerializeToString())

    def _make_files(self) -> None:
        for path, is_directory in self._files.items():
            (path if is_directory else path.parent).mkdir(parents=True, exist_ok=True)
            if not is_directory:
                path.touch()

    def _remove_files(self) -> None:
        for path, is_directory in self._files.items():
            if is_directory:
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def predecessors(calls: Sequence[Call]) -> list[list[int]]:
    """Return for each call which others had been answered when it was sent."""
    return [
        [i for i, other in enumerate(calls) if other is not call and other.ended_s <= call.began_s] for call in calls
    ]


def with_ids(call: Call, ids: dict[str, str], suffix: str = "") -> bytes:
    """Return a call's request with the ids that the runtime gave this time; ``suffix`` makes the pod another one."""
    message = getattr(pb, f"{call.method}Request").FromString(call.request)
    if suffix and call.method in ("RunPodSandbox", "CreateContainer"):
        pod = (message.config if call.method == "RunPodSandbox" else message.sandbox_config).metadata
        pod.name, pod.uid = f"{pod.name}{suffix}", f"{pod.uid}{suffix}"
    for name in ("pod_sandbox_id", "container_id"):
        if name in message.DESCRIPTOR.fields_by_name and getattr(message, name) in ids:
            setattr(message, name, ids[getattr(message, name)])
    return bytes(message.SerializeToString())


def _learn(call: Call, answer: bytes, ids: dict[str, str]) -> None:
    name = {"RunPodSandbox": "pod_sandbox_id", "CreateContainer": "container_id"}.get(call.method)
    if name:
        kind = getattr(pb, f"{call.method}Response")
        ids[getattr(kind.FromString(call.answer), name)] = getattr(kind.FromString(answer), name)


def _is_sandbox(identity: str, calls: Sequence[Call]) -> bool:
    return any(
        pb.RunPodSandboxResponse.FromString(call.answer).pod_sandbox_id == identity
        for call in calls
        if call.method == "RunPodSandbox"
    )


def _files(calls: Sequence[Call]) -> dict[Path, bool]:
    """Return the paths of the host that the pod's requests name, and whether each is a directory."""
    found: dict[Path, bool] = {}
    for call in calls:
        if call.method == "RunPodSandbox":
            found[Path(pb.RunPodSandboxRequest.FromString(call.request).config.log_directory)] = True
        elif call.method == "CreateContainer":
            for mount in pb.CreateContainerRequest.FromString(call.request).config.mounts:
                found[Path(mount.host_path)] = Path(mount.host_path).is_dir()
    return found
