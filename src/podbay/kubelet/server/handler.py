"""What the kubelet answers: health, its pods, what they use, logs, and streams.

Takes requests that the door has authenticated by certificate; gives responses. Only the API server's identity (or a
master) may ask for anything but health.
Source: upstream's kubelet server (paths ``/containerLogs``, ``/exec``, ``/attach``, ``/portForward``).
"""

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from podbay.api.errors import (
    BadRequest,
    Forbidden,
    InternalError,
    NotFound,
    ServiceUnavailable,
    StatusError,
    Unauthorized,
)
from podbay.cri.runtime import Container, ContainerState, RuntimeFailure
from podbay.kubelet import sandboxes
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.observed import Observed
from podbay.kubelet.server.logs import LogOptions, read_log
from podbay.kubelet.server.streams import refused, stream
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.stats.resource_metrics import MEDIA, resource_metrics
from podbay.kubelet.stats.summary import summary
from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

_log = logging.getLogger(__name__)

API_SERVER: Final = "kube-apiserver-kubelet-client"
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


class KubeletHandler:
    """See the module: a ``wire.http.Handler``."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._answer(request)
        except StatusError as error:
            return Response(status=error.code, headers=[("Content-Type", JSON)], body=json.encode(error.as_status()))
        except RuntimeFailure as error:
            failure = InternalError(f"Internal error occurred: {error.message}")
            return Response(status=500, headers=[("Content-Type", JSON)], body=json.encode(failure.as_status()))
        except Exception:
            _log.exception("%s %s", request.method, request.target)
            return Response(status=500, headers=list(_TEXT), body=b"internal error\n")

    async def _answer(self, request: Request) -> Response:
        path, _, query_text = request.target.partition("?")
        words = [unquote(word) for word in path.strip("/").split("/")]
        if words == ["healthz"]:
            return Response(status=200, headers=list(_TEXT), body=b"ok")
        if request.peer is None:
            raise Unauthorized("Unauthorized")
        if request.peer.common_name != API_SERVER and "system:masters" not in request.peer.organizations:
            raise Forbidden(
                f'forbidden: User "{request.peer.common_name}" cannot {request.method.lower()} path "{path}"'
            )
        query = parse_qsl(query_text, keep_blank_values=True)
        if words == ["pods"]:
            pods = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self._kubelet.pods()}
            return Response(status=200, headers=[("Content-Type", JSON)], body=json.encode(pods))
        match words:
            case ["stats", "summary"]:
                return await self._summary(dict(query))
            case ["metrics", "resource"]:
                return await self._resource_metrics()
            case ["containerLogs", namespace, name, container]:
                return await self._logs(namespace, name, container, dict(query))
            case ["exec" | "attach" as kind, namespace, name, container]:
                return await self._stream(request, kind, (namespace, name, container), query)
            case ["portForward", namespace, name]:
                return await self._port_forward(request, namespace, name, query)
        raise NotFound("404 page not found")

    async def _summary(self, query: dict[str, str]) -> Response:
        only = query.get("only_cpu_and_memory", "") in ("true", "1")
        try:
            sample = await self._stats().current(disks=not only)
        except OSError as error:
            raise InternalError(f"measuring the node: {error}") from error
        body = json.encode(summary(sample, only_cpu_and_memory=only))
        return Response(status=200, headers=[("Content-Type", JSON)], body=body)

    async def _resource_metrics(self) -> Response:
        try:
            sample = await self._stats().current(disks=False)
        except OSError as error:
            _log.warning("measuring the node: %s", error)
            sample = None
        return Response(status=200, headers=[("Content-Type", MEDIA)], body=resource_metrics(sample))

    def _stats(self) -> Stats:
        if self._kubelet.stats is None:
            raise ServiceUnavailable("this node only pretends to run pods: there is nothing to measure")
        return self._kubelet.stats

    async def _seen(self, namespace: str, name: str) -> tuple[dict[str, Any], Observed]:
        pod = self._kubelet.find_pod(namespace, name)
        if pod is None:
            raise NotFound(f'pods "{name}" not found')
        return pod, await self._kubelet.observer.pod(pod["metadata"]["uid"])

    async def _logs(self, namespace: str, name: str, container: str, query: dict[str, str]) -> Response:
        pod, seen = await self._seen(namespace, name)
        try:
            options = LogOptions.of_query(query, self._kubelet.clock.now())
        except ValueError as error:
            raise BadRequest(str(error)) from None
        previous = query.get("previous", "") in ("true", "1")
        found = _logged(pod, seen, container, previous=previous)
        if found is None:
            raise BadRequest(_no_log(pod, container, name, previous=previous))
        path = sandboxes.log_directory(self._kubelet.config.log_root, pod) / sandboxes.log_path(
            container, found.attempt
        )
        if not path.exists():
            raise BadRequest(f"unable to retrieve container logs for containerd://{found.id}")
        uid, container_id = pod["metadata"]["uid"], found.id
        ended = found.state is ContainerState.EXITED
        observer = self._kubelet.observer

        def is_over() -> bool:
            return ended or observer.has_ended(container_id) or self._kubelet.has_forgotten(uid)

        return Response(
            status=200,
            headers=[("Content-Type", "text/plain")],
            stream=read_log(path, options, self._kubelet.clock, is_over),
        )

    async def _stream(
        self, request: Request, kind: str, where: tuple[str, str, str], query: list[tuple[str, str]]
    ) -> Response:
        namespace, name, container = where
        pod = self._kubelet.find_pod(namespace, name)
        if pod is None:
            return refused(404, "pod does not exist")
        seen = await self._kubelet.observer.pod(pod["metadata"]["uid"])
        found = seen.newest(container)
        if found is None or found.state is not ContainerState.RUNNING:
            return refused(500, f'container not found ("{container}")')
        flags = {key: value in ("1", "true") for key, value in query}
        tty = flags.get("tty", False)
        wanted = {
            "stdin": flags.get("input", False),
            "stdout": flags.get("output", False),
            "stderr": flags.get("error", False) and not tty,
        }
        if not any(wanted.values()):
            return refused(400, "you must specify at least 1 of stdin, stdout, stderr")
        runtime = self._kubelet.runtime

        async def url() -> str:
            if kind == "attach":
                return await runtime.attach_url(found.id, tty=tty, **wanted)
            command = [value for key, value in query if key == "command"]
            return await runtime.exec_url(found.id, command, tty=tty, **wanted)

        return await stream(request, url, streams={**wanted, "resize": tty})

    async def _port_forward(
        self, request: Request, namespace: str, name: str, query: list[tuple[str, str]]
    ) -> Response:
        pod = self._kubelet.find_pod(namespace, name)
        if pod is None:
            return refused(404, "pod does not exist")
        seen = await self._kubelet.observer.pod(pod["metadata"]["uid"])
        if seen.sandbox is None:
            return refused(500, f"pod {name}_{namespace} has no sandbox that is ready")
        sandbox_id = seen.sandbox.id
        given = [value for key, value in query if key == "port"]
        ports = [int(value) for value in given if value.isascii() and value.isdigit() and 0 < int(value) < 65536]
        if len(ports) != len(given):
            return refused(400, f"unable to parse ports {', '.join(given)}: each must be between 1 and 65535")

        async def url() -> str:
            return await self._kubelet.runtime.port_forward_url(sandbox_id, ports)

        return await stream(request, url, streams=None)


def _logged(pod: Mapping[str, Any], seen: Observed, name: str, *, previous: bool) -> Container | None:
    """Return the incarnation of a container whose log is wanted.

    The previous one of a container that waits to be started again is the one that ended last.
    """
    newest = seen.newest(name)
    if newest is None:
        return None
    if previous:
        last = _status(pod, name).get("lastState", {}).get("terminated", {}).get("containerID", "")
        return newest if last.endswith(f"://{newest.id}") else seen.previous(name)
    return seen.previous(name) if newest.state is ContainerState.CREATED else newest


def _no_log(pod: Mapping[str, Any], container: str, name: str, *, previous: bool) -> str:
    where = f'container "{container}" in pod "{name}"'
    if previous:
        return f"previous terminated {where} not found"
    status = _status(pod, container)
    if not status:
        return f"{where} is not available"
    waiting = status.get("state", {}).get("waiting", {}).get("reason", "")
    if waiting == "ErrImagePull":
        return f"{where} is waiting to start: image can't be pulled"
    if waiting == "ImagePullBackOff":
        return f"{where} is waiting to start: trying and failing to pull image"
    return f"{where} is waiting to start: {waiting}" if waiting else f"{where} is waiting to start - no logs yet"


def _status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """Return the status of one container of a pod; empty if it has none yet."""
    status = pod.get("status") or {}
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return next((each for each in every if each.get("name") == container), {})
