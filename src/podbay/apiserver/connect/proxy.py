"""nodes/proxy: whatever a kubelet answers, asked through the API server.

Takes a call on ``nodes/NAME/proxy/PATH``; gives the kubelet's answer as it is, or hands the connection over if an
upgrade was asked for. The kubelet knows the API server by its certificate: the client's own credentials stay here.
Source: https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/#api-server-to-kubelet
"""

from typing import Final

from podbay.api import resources
from podbay.api.errors import BadRequest, ServiceUnavailable
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.connect import KubeletStream, kubelet_url, upgrade_to
from podbay.apiserver.verbs.call import Call
from podbay.client.aiohttp_transport import AiohttpTransport
from podbay.client.configuration import ClientConfig
from podbay.client.transport import TransportError
from podbay.wire.http import Headers, Request, Response

_WORDS: Final = 5  # api, v1, nodes, NAME, proxy
_KEPT_HERE: Final = (
    "authorization", "host", "connection", "content-length", "transfer-encoding", "cookie", "accept-encoding",
)  # fmt: skip
_OF_CONNECTION: Final = ("content-length", "transfer-encoding", "connection", "content-encoding", "date", "server")


async def proxy_node(call: Call, config: ApiServerConfig) -> Response:
    """Answer as the node's kubelet does. Raises BadRequest, NotFound, ServiceUnavailable."""
    scheme, name, port = _parts(call.info.name)
    node = (await call.objects.get(resources.NODES, "", name)).object()
    server = kubelet_url(node)
    if scheme not in ("", "https") or port not in ("", server.rpartition(":")[2]):
        raise BadRequest(f'address not allowed: only the kubelet of node "{name}" can be asked, at {server}')
    if config.kubelet_tls is None:
        raise ServiceUnavailable("this server has no credentials for kubelets")
    asked, target = call.request, proxied_target(call.request.target)
    if asked.headers.get("Upgrade"):
        return await upgrade_to(config, asked, server + target)
    headers = [
        (name, value)
        for name, value in asked.headers.items()
        if name.lower() not in _KEPT_HERE and not name.lower().startswith("impersonate-")
    ]
    transport = AiohttpTransport(ClientConfig(server=server), tls=config.kubelet_tls())
    try:
        answer = await transport.send(
            Request(method=asked.method, target=target, headers=Headers(headers), body=asked.body)
        )
    except TransportError as error:
        await transport.close()
        raise ServiceUnavailable(f"error trying to reach service: {error}") from error
    kept = [(name, value) for name, value in answer.headers if name.lower() not in _OF_CONNECTION]
    if answer.stream is not None:
        return Response(status=answer.status, headers=kept, stream=KubeletStream(answer.stream, transport))
    await transport.close()
    return Response(status=answer.status, headers=kept, body=answer.body)


def proxied_target(target: str) -> str:
    """Return the path and query that a request's target names behind ``/proxy``, still encoded."""
    path, mark, query = target.partition("?")
    return "/" + "/".join(path.lstrip("/").split("/")[_WORDS:]) + mark + query


def _parts(name: str) -> tuple[str, str, str]:
    """Return scheme, name and port of ``[SCHEME:]NAME[:PORT]``."""
    parts = name.split(":")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return ("", parts[0], parts[1]) if len(parts) == 2 else ("", name, "")
