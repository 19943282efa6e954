"""Streams: a client's SPDY or WebSocket connection, joined to the runtime's streaming server.

Takes a request that asks for an upgrade and a way to get the runtime's one-time URL; gives a response that takes the
connection over. SPDY and older WebSocket protocols are copied byte by byte; ``v5.channel.k8s.io`` and the port-forward
tunnel, which the runtime does not speak, are translated.
Source: https://kubernetes.io/blog/2024/08/20/websockets-transition/ ; KEP-4006.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from podbay.api.errors import BadRequest, InternalError
from podbay.kubelet.server.channels import V5, bridge_channels
from podbay.kubelet.server.tunnel import TUNNEL, bridge_tunnel
from podbay.serving.takeover import open_upgraded, pipe, take_over
from podbay.wire.http import Request, Response

_COPIED: Final = (
    "upgrade", "connection", "x-stream-protocol-version", "sec-websocket-key", "sec-websocket-version",
    "sec-websocket-protocol",
)  # fmt: skip
_OLDER: Final = ("v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io")


async def stream(
    request: Request, url: Callable[[], Awaitable[str]], *, streams: Mapping[str, bool] | None
) -> Response:
    """Answer with an upgrade. ``streams`` says which are wanted; None for a port-forward."""
    upgrade = request.headers.get("Upgrade").lower()
    if upgrade.startswith("spdy/3.1"):
        return await _copied(request, await url(), "POST")
    if upgrade != "websocket":
        raise BadRequest("unable to upgrade: missing upgrade headers in request")
    offered = [word.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for word in value.split(",")]
    if streams is None and TUNNEL in offered:
        return bridge_tunnel(await url())
    if streams is not None and V5 in offered:
        return bridge_channels(await url(), streams)
    if not any(protocol in _OLDER for protocol in offered):
        raise BadRequest(f"unable to upgrade: no supported protocol among {', '.join(offered) or 'none'}")
    return await _copied(request, await url(), "GET", protocols=[p for p in offered if p in _OLDER])


async def _copied(request: Request, url: str, method: str, *, protocols: list[str] | None = None) -> Response:
    """Have the runtime answer the upgrade itself, and copy bytes both ways."""
    headers = [(name, value) for name, value in request.headers.items() if name.lower() in _COPIED]
    if protocols is not None:
        headers = [(name, value) for name, value in headers if name.lower() != "sec-websocket-protocol"]
        headers.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
    try:
        runtime, head, status = await open_upgraded(url, method, headers)
    except (OSError, TimeoutError) as error:
        raise InternalError(f"the runtime's streaming server does not answer: {error}") from error
    if status != 101:
        body = await runtime.reader.read(4096)
        runtime.close()
        return Response(status=status, headers=[("Content-Type", "text/plain")], body=body)

    async def upgrade(connection: Any) -> None:
        try:
            client = take_over(connection)
        except ConnectionResetError:
            runtime.close()
            return
        client.writer.write(head)
        await pipe(client, runtime)

    return Response(status=101, upgrade=upgrade)
