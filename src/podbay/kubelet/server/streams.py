"""Streams: a client's SPDY or WebSocket connection, joined to the runtime's streaming server.

Takes a request that asks for an upgrade and a way to get the runtime's one-time URL; gives a response that takes the
connection over. SPDY and older WebSocket protocols are copied byte by byte; ``v5.channel.k8s.io`` and the port-forward
tunnel, which the runtime does not speak, are translated.
Invariant: the runtime has accepted before the client is told 101, so that its refusal is an ordinary answer.
Source: https://kubernetes.io/blog/2024/08/20/websockets-transition/ ; KEP-4006.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from podbay.kubelet.server.channels import V5, bridge_channels
from podbay.kubelet.server.tunnel import TUNNEL, bridge_tunnel
from podbay.serving.takeover import Answer, hand_over, open_upgraded
from podbay.wire.http import Request, Response

_COPIED: Final = (
    "upgrade", "connection", "x-stream-protocol-version", "sec-websocket-key", "sec-websocket-version",
)  # fmt: skip
_OLDER: Final = ("v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io")
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


async def stream(
    request: Request, url: Callable[[], Awaitable[str]], *, streams: Mapping[str, bool] | None
) -> Response:
    """Answer with an upgrade. ``streams`` says which are wanted; None for a port-forward."""
    upgrade = request.headers.get("Upgrade").lower()
    copied = [(name, value) for name, value in request.headers.items() if name.lower() in _COPIED]
    if upgrade.startswith("spdy/3.1"):
        return await _joined(await url(), "POST", copied, _copy)
    if upgrade != "websocket":
        return refused(400, "unable to upgrade: missing upgrade headers in request")
    offered = [word.strip() for value in request.headers.get_all("Sec-WebSocket-Protocol") for word in value.split(",")]
    if streams is None and TUNNEL in offered:
        return await _joined(await url(), "POST", _spdy("portforward.k8s.io"), bridge_tunnel)
    if streams is not None and V5 in offered:
        return await _joined(
            await url(), "POST", _spdy("v4.channel.k8s.io"), lambda answer: bridge_channels(answer.connection, streams)
        )
    older = [protocol for protocol in offered if protocol in _OLDER]
    if offered and not older:
        return refused(400, f"unable to upgrade: no supported protocol among {', '.join(offered)}")
    if older:
        copied.append(("Sec-WebSocket-Protocol", ", ".join(older)))
    return await _joined(await url(), "GET", copied, _copy)


def refused(status: int, message: str) -> Response:
    """Return a refusal as upstream's kubelet gives it: plain text, which the API server hands through."""
    return Response(status=status, headers=list(_TEXT), body=message.encode())


async def _joined(
    url: str, method: str, headers: Sequence[tuple[str, str]], accept: Callable[[Answer], Response]
) -> Response:
    """Ask the runtime for the upgrade; answer with what ``accept`` makes of it, or with the runtime's refusal."""
    try:
        answer = await open_upgraded(url, method, headers)
    except (OSError, TimeoutError) as error:
        return refused(500, f"the runtime's streaming server does not answer: {error or 'timed out'}")
    if answer.status == 101:
        return accept(answer)
    return Response(status=answer.status, headers=list(_TEXT), body=await answer.refusal())


def _copy(answer: Answer) -> Response:
    async def upgrade(connection: Any) -> None:
        await hand_over(connection, answer.head, answer.connection)

    return Response(status=101, upgrade=upgrade)


def _spdy(protocol: str) -> list[tuple[str, str]]:
    return [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), ("X-Stream-Protocol-Version", protocol)]
