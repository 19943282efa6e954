"""log, exec, attach and portforward: from a client, past the API server, to the kubelet of the pod's node.

Takes a call on one of these subresources; gives a response that streams, or that takes the connection over and copies
bytes both ways. What flows is the client's and the kubelet's business (SPDY or WebSocket).
Source: https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/#api-server-to-kubelet
"""

from collections.abc import AsyncIterator
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from podbay.api import resources
from podbay.api.errors import BadRequest, InternalError, NotFound, ServiceUnavailable, StatusError
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.connect.log_socket import answer_in_messages, asks_for_socket
from podbay.apiserver.verbs.call import Call
from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.configuration import ClientConfig
from podbay.client.requests import request
from podbay.client.transport import TransportError
from podbay.serving.takeover import hand_over, open_upgraded
from podbay.wire import json
from podbay.wire.http import Request, Response

_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_PASSED_ON: Final = (
    "upgrade", "connection", "x-stream-protocol-version", "sec-websocket-key", "sec-websocket-version",
    "sec-websocket-protocol", "sec-websocket-extensions",
)  # fmt: skip
_FLAGS: Final = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))


async def connect(call: Call, config: ApiServerConfig) -> Response:
    """Answer a streaming subresource. Raises BadRequest, NotFound, ServiceUnavailable."""
    entry = await call.objects.get(resources.PODS, call.info.namespace, call.info.name)
    pod = entry.object()
    sub = call.info.subresource
    node_name = pod.get("spec", {}).get("nodeName")
    container = _container(call, pod) if sub != "portforward" else ""
    if not node_name:
        if sub == "log":
            return Response(status=200, headers=[("Content-Type", "text/plain")])
        raise BadRequest(f"pod {call.info.name} does not have a host assigned")
    target = _target(call, container)
    try:
        server = kubelet_url((await call.objects.get(resources.NODES, "", node_name)).object())
    except NotFound:
        raise InternalError(f'the node "{node_name}" of the pod is not there') from None
    if config.kubelet_tls is None:
        raise ServiceUnavailable("this server has no credentials for kubelets")
    if sub == "log":
        return await _log(config, call.request, server, target)
    if not call.request.headers.get("Upgrade"):
        raise BadRequest("Upgrade request required")
    return await upgrade_to(config, call.request, server + target)


async def _log(config: ApiServerConfig, asked: Request, server: str, target: str) -> Response:
    """Answer with what the kubelet says: as an HTTP stream, or in messages if that was asked for."""
    assert config.kubelet_tls is not None
    transport = AiohttpTransport(ClientConfig(server=server), tls=config.kubelet_tls())
    try:
        answer = await transport.send(request("GET", target, accept="*/*"))
    except TransportError as error:
        await transport.close()
        raise InternalError(f"Get {server}{target.partition('?')[0]}: {error}") from error
    if answer.stream is None:
        await transport.close()
        raise _error(answer)
    log = KubeletStream(answer.stream, transport)
    if asks_for_socket(asked):
        return await answer_in_messages(asked, log)
    return Response(status=200, headers=[("Content-Type", "text/plain")], stream=log)


class KubeletStream:
    """A kubelet's stream and the connection under it. A class, so that it can be closed before it was begun."""

    def __init__(self, stream: AsyncIterator[bytes], transport: AiohttpTransport) -> None:
        self._stream = stream
        self._transport = transport

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._stream)
        except TransportError:
            raise StopAsyncIteration from None  # the kubelet went away: the log ends here

    async def aclose(self) -> None:
        """Cut the connection to the kubelet."""
        await self._transport.close()


def _error(answer: Response) -> StatusError:
    """Return a kubelet's refusal, which is a Status or plain text, as an error of this server."""
    try:
        status = json.decode(answer.body)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return StatusError.of(status)
    message = answer.body.decode(errors="replace").strip()
    kind = {400: BadRequest, 404: NotFound}.get(answer.status, InternalError)
    return kind(message)


async def upgrade_to(config: ApiServerConfig, asked: Request, url: str) -> Response:
    """Ask the kubelet to upgrade as the client asked; hand its answer and then every byte through."""
    assert config.kubelet_tls is not None
    headers = [(name, value) for name, value in asked.headers.items() if name.lower() in _PASSED_ON]
    try:
        answer = await open_upgraded(url, asked.method, headers, tls=config.kubelet_tls())
    except (OSError, TimeoutError) as error:
        raise InternalError(f"error dialing backend: {error or 'timed out'}") from error
    if answer.status != 101:
        media = [("Content-Type", answer.field("Content-Type") or "text/plain")]
        return Response(status=answer.status, headers=media, body=await answer.refusal())

    async def upgrade(connection: Any) -> None:
        await hand_over(connection, answer.head, answer.connection)

    return Response(status=101, upgrade=upgrade)


def _container(call: Call, pod: dict[str, Any]) -> str:
    """Return the container a request means. Raises BadRequest in upstream's words."""
    spec = pod.get("spec", {})
    names = [c["name"] for c in spec.get("containers", ())]
    every = names + [c["name"] for part in ("initContainers", "ephemeralContainers") for c in spec.get(part, ())]
    wanted = call.info.query.get("container", "")
    if wanted:
        if wanted not in every:
            raise BadRequest(f"container {wanted} is not valid for pod {call.info.name}")
        return str(wanted)
    if len(names) == 1:
        return str(names[0])
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER)
    if default in names:
        return str(default)
    raise BadRequest(f"a container name must be specified for pod {call.info.name}, choose one of: [{' '.join(names)}]")


def _target(call: Call, container: str) -> str:
    """Return the kubelet's path and query for a request."""
    info, query = call.info, call.info.query
    place = f"{quote(info.namespace)}/{quote(info.name)}"
    if info.subresource == "log":
        passed = [(n, v) for n, v in query.pairs if n not in ("container", "pretty")]
        return f"/containerLogs/{place}/{quote(container)}" + (f"?{urlencode(passed)}" if passed else "")
    if info.subresource == "portforward":
        ports = [("port", port) for value in query.all("ports") for port in value.split(",")]
        return f"/portForward/{place}" + (f"?{urlencode(ports)}" if ports else "")
    passed = [("command", value) for value in query.all("command")]
    passed += [(theirs, "1") for ours, theirs in _FLAGS if query.flag(ours)]
    if not any(name != "command" for name, _ in passed):
        raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    return f"/{info.subresource}/{place}/{quote(container)}?{urlencode(passed)}"


def kubelet_url(node: dict[str, Any]) -> str:
    """Return the URL of a node's kubelet, from the node's status. Raises InternalError."""
    status = node.get("status", {})
    addresses = {a["type"]: a["address"] for a in status.get("addresses", ())}
    address = addresses.get("InternalIP") or addresses.get("Hostname")
    port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port", 10250)
    if not address:
        raise InternalError(f'the node "{node["metadata"]["name"]}" has no address')
    return f"https://{address}:{port}"
