"""The container runtime over gRPC: CRI v1 on a unix socket, and containerd's events beside it.

The one door to grpclib and the generated messages. Takes and gives the plain data of ``runtime``.
Source: https://github.com/kubernetes/cri-api; containerd's events service, because containerd 1.6 has no CRI events.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from podbay.cri import messages
from podbay.cri.proto import events_pb2, runtime_pb2
from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ExecResult,
    Image,
    ImageFilesystem,
    LinuxResources,
    PullCredentials,
    RuntimeEvent,
    RuntimeFailure,
    RuntimeInfo,
    Sandbox,
    SandboxConfig,
    WritableLayer,
)
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock

pb: Any = runtime_pb2
_RUNTIME: Final = "/runtime.v1.RuntimeService/"
_IMAGES: Final = "/runtime.v1.ImageService/"
_EVENTS: Final = "/containerd.services.events.v1.Events/Subscribe"
REQUEST_TIMEOUT_S: Final = 120.0
_ENDLESS_S: Final = 366 * 86400.0
_RETRY: Final = Backoff(base_s=0.1, cap_s=5.0)
_ABSENT: Final = "NOT_FOUND"

Answer = TypeVar("Answer", bound=Message)


class CriRuntime:
    """See ``runtime.Runtime``. Connects when first used, and again after the runtime was gone.

    A call fails after ``request_timeout_s`` and what it asks for itself; a pull may take as long as it takes.
    """

    def __init__(self, endpoint: str, clock: Clock, *, request_timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._timeout_s = request_timeout_s
        self._path = endpoint.removeprefix("unix://")
        self._clock = clock
        self._channel = Channel(path=self._path)

    async def info(self) -> RuntimeInfo:
        """Return name, version and conditions."""
        version = await self._call("Version", pb.VersionRequest(version="v1"), pb.VersionResponse)
        status = await self._call("Status", pb.StatusRequest(), pb.StatusResponse)
        return messages.runtime_info(version, status)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        """Make and start a sandbox."""
        request = pb.RunPodSandboxRequest(config=messages.sandbox_config(config), runtime_handler=config.handler)
        more_s = self._timeout_s  # a network has to be made, too
        answer = await self._call("RunPodSandbox", request, pb.RunPodSandboxResponse, more_s=more_s)
        return str(answer.pod_sandbox_id)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Stop a sandbox."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._call_if_there("StopPodSandbox", request, pb.StopPodSandboxResponse)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Remove a sandbox."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id)
        await self._call_if_there("RemovePodSandbox", request, pb.RemovePodSandboxResponse)

    async def sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        """List sandboxes."""
        request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(label_selector=labels or {}))
        answer = await self._call("ListPodSandbox", request, pb.ListPodSandboxResponse)
        return [messages.sandbox(item) for item in answer.items]

    async def sandbox_status(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox's status."""
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        answer = await self._call("PodSandboxStatus", request, pb.PodSandboxStatusResponse)
        return messages.sandbox(answer.status)

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        """Make a container."""
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=messages.container_config(config, sandbox),
            sandbox_config=messages.sandbox_config(sandbox),
        )
        answer = await self._call("CreateContainer", request, pb.CreateContainerResponse)
        return str(answer.container_id)

    async def start_container(self, container_id: str) -> None:
        """Start a container."""
        request = pb.StartContainerRequest(container_id=container_id)
        await self._call("StartContainer", request, pb.StartContainerResponse)

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        """Stop a container."""
        request = pb.StopContainerRequest(container_id=container_id, timeout=int(grace_s))
        await self._call_if_there("StopContainer", request, pb.StopContainerResponse, more_s=grace_s)

    async def update_resources(self, container_id: str, resources: LinuxResources) -> None:
        """Give a container other limits."""
        request = pb.UpdateContainerResourcesRequest(
            container_id=container_id, linux=messages.linux_resources(resources)
        )
        await self._call("UpdateContainerResources", request, pb.UpdateContainerResourcesResponse)

    async def reopen_log(self, container_id: str) -> None:
        """Begin a new log."""
        request = pb.ReopenContainerLogRequest(container_id=container_id)
        await self._call("ReopenContainerLog", request, pb.ReopenContainerLogResponse)

    async def remove_container(self, container_id: str) -> None:
        """Remove a container."""
        request = pb.RemoveContainerRequest(container_id=container_id)
        await self._call_if_there("RemoveContainer", request, pb.RemoveContainerResponse)

    async def containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        """List containers."""
        request = pb.ListContainersRequest(filter=pb.ContainerFilter(label_selector=labels or {}))
        answer = await self._call("ListContainers", request, pb.ListContainersResponse)
        return [messages.container(item) for item in answer.containers]

    async def container_status(self, container_id: str) -> Container:
        """Return a container's status."""
        request = pb.ContainerStatusRequest(container_id=container_id)
        answer = await self._call("ContainerStatus", request, pb.ContainerStatusResponse)
        return messages.container_status(answer.status)

    async def pull_image(self, name: str, credentials: PullCredentials | None = None) -> str:
        """Fetch an image."""
        request = pb.PullImageRequest(image=pb.ImageSpec(image=name), auth=messages.auth_config(credentials))
        answer = await self._call("PullImage", request, pb.PullImageResponse, service=_IMAGES, more_s=_ENDLESS_S)
        return str(answer.image_ref)

    async def image(self, name: str) -> Image | None:
        """Return an image, or None."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=name))
        answer = await self._call("ImageStatus", request, pb.ImageStatusResponse, service=_IMAGES)
        return messages.image(answer.image) if answer.HasField("image") else None

    async def images(self) -> list[Image]:
        """List images."""
        answer = await self._call("ListImages", pb.ListImagesRequest(), pb.ListImagesResponse, service=_IMAGES)
        return [messages.image(item) for item in answer.images]

    async def remove_image(self, name: str) -> None:
        """Remove an image."""
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=name))
        await self._call_if_there("RemoveImage", request, pb.RemoveImageResponse, service=_IMAGES)

    async def writable_layers(self) -> dict[str, WritableLayer]:
        """Return what containers have written, from their statistics."""
        answer = await self._call("ListContainerStats", pb.ListContainerStatsRequest(), pb.ListContainerStatsResponse)
        return dict(messages.writable_layer(item) for item in answer.stats if item.HasField("writable_layer"))

    async def image_filesystem(self) -> ImageFilesystem | None:
        """Return where images are."""
        answer = await self._call("ImageFsInfo", pb.ImageFsInfoRequest(), pb.ImageFsInfoResponse, service=_IMAGES)
        return next((messages.image_filesystem(item) for item in answer.image_filesystems), None)

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout_s: float) -> ExecResult:
        """Run a command to its end."""
        request = pb.ExecSyncRequest(container_id=container_id, cmd=list(command), timeout=int(timeout_s))
        more_s = timeout_s or _ENDLESS_S
        answer = await self._call("ExecSync", request, pb.ExecSyncResponse, more_s=more_s)
        return ExecResult(stdout=answer.stdout, stderr=answer.stderr, exit_code=answer.exit_code)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Return a URL for a command."""
        request = pb.ExecRequest(
            container_id=container_id,
            cmd=list(command),
            tty=tty,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr and not tty,
        )
        return str((await self._call("Exec", request, pb.ExecResponse)).url)

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Return a URL for the main process."""
        request = pb.AttachRequest(
            container_id=container_id, stdin=stdin, tty=tty, stdout=stdout, stderr=stderr and not tty
        )
        return str((await self._call("Attach", request, pb.AttachResponse)).url)

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Return a URL for ports."""
        request = pb.PortForwardRequest(pod_sandbox_id=sandbox_id, port=list(ports))
        return str((await self._call("PortForward", request, pb.PortForwardResponse)).url)

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield containerd's task events; execs' ends are left out."""
        failures = 0
        while True:
            channel = Channel(path=self._path)
            connected = False
            try:
                method = UnaryStreamMethod(channel, _EVENTS, events_pb2.SubscribeRequest, events_pb2.Envelope)
                async with method.open(metadata={"containerd-namespace": "k8s.io"}) as stream:
                    await stream.send_message(
                        events_pb2.SubscribeRequest(filters=['topic~="^/tasks/(exit|oom)$"']), end=True
                    )
                    failures = 0
                    connected = True
                    yield RuntimeEvent(kind="connected")
                    async for envelope in stream:
                        event = messages.event(envelope)
                        if event is not None:
                            yield event
            except (GRPCError, StreamTerminatedError, OSError):
                pass  # the runtime is gone: the next connection tells that something may have been missed
            finally:
                channel.close()
            if connected:
                yield RuntimeEvent(kind="lost")
            failures += 1
            await self._clock.sleep(_RETRY.delay_s(failures))

    async def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    async def _call(
        self,
        method: str,
        request: Message,
        answer: type[Any],
        *,
        service: str = _RUNTIME,
        more_s: float = 0.0,
    ) -> Any:
        call = UnaryUnaryMethod(self._channel, service + method, type(request), answer)
        try:
            return await call(request, timeout=self._timeout_s + more_s)
        except GRPCError as error:
            code = error.status.name if isinstance(error.status, Status) else str(error.status)
            raise RuntimeFailure(code, error.message or code) from None
        except TimeoutError as error:  # it is an OSError, too
            raise RuntimeFailure("DEADLINE_EXCEEDED", "context deadline exceeded") from error
        except (StreamTerminatedError, OSError) as error:
            raise RuntimeFailure("UNAVAILABLE", f"{self._path}: {error}") from error

    async def _call_if_there(
        self,
        method: str,
        request: Message,
        answer: type[Any],
        *,
        service: str = _RUNTIME,
        more_s: float = 0.0,
    ) -> None:
        try:
            await self._call(method, request, answer, service=service, more_s=more_s)
        except RuntimeFailure as error:
            if error.code != _ABSENT:
                raise
