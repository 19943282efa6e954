"""HTTP messages as data: what the API server's and the kubelet's handlers take and give, and what the client's
transports carry. No sockets: aiohttp, http.client and the in-process transport translate at their own doors.

Invariant: a body is bytes or a stream of bytes, never a Python object; closing a response ends its stream.
Source: RFC 9110.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

JSON: Final = "application/json"


class Headers:
    """Header fields in order, found without regard to case."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = [(name, value) for name, value in items]

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of that name."""
        wanted = name.lower()
        return next((value for key, value in self._items if key.lower() == wanted), default)

    def get_all(self, name: str) -> list[str]:
        """Return every value of that name, in order."""
        wanted = name.lower()
        return [value for key, value in self._items if key.lower() == wanted]

    def items(self) -> list[tuple[str, str]]:
        """Return all fields in order."""
        return list(self._items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._items)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The identity that a verified client certificate gives: common name and organizations."""

    common_name: str
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``target`` is the raw path and query, still percent-encoded."""

    method: str
    target: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    peer: PeerCertificate | None = None
    remote: str = ""
    connection: Any = None  # the door's own request object; only upgrades (exec, port-forward) may look at it


@dataclass(slots=True, kw_only=True)
class Response:
    """One answer: ``body`` at once, or ``stream`` chunk by chunk.

    A stream's iterator is closed (``aclose``) when the peer goes away. ``upgrade`` takes the connection over:
    the door calls it with its own request object instead of writing anything.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    upgrade: Callable[[Any], Awaitable[None]] | None = None


class Handler(Protocol):
    """What a door serves: never raises, answers errors as Status."""

    async def __call__(self, request: Request) -> Response:
        """Answer one request. Cancelled when the peer goes away."""
