"""A WebSocket to the API server, for the commands that stream both ways.

Takes a session and a path; gives messages to and from. The only part of the CLI that runs an event loop.
Invariant: what is sent waits until the connection takes it, so memory stays steady.
Source: RFC 6455; KEP-4006.
"""

from collections import deque
from typing import Final, Self

from podbay.client.requests import Query, error_of, request
from podbay.kubectl.errors import CommandError
from podbay.kubectl.session import USER_AGENT, Session
from podbay.serving.takeover import Connection, open_upgraded
from podbay.wire.websocket import Messages, WebSocketError, accept_of, binary_frame, close_frame, new_key

_CHUNK_BYTES: Final = 64 * 1024


class WebSocket:
    """See the module. Use as ``async with await WebSocket.open(...)``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages = Messages()
        self._waiting: deque[bytes] = deque()

    @classmethod
    async def open(cls, session: Session, target: str, query: Query, protocol: str) -> Self:
        """Ask the server for an upgrade. Raises StatusError, CommandError."""
        config, key = session.config, new_key()
        headers = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Protocol", protocol),
            ("User-Agent", USER_AGENT),
            *config.credentials(),
        ]
        url = config.server.rstrip("/") + request("GET", target, query).target
        try:
            answer = await open_upgraded(url, "GET", headers, tls=config.tls_context())
        except (OSError, TimeoutError) as error:
            raise CommandError(f"Unable to connect to the server: {error or type(error).__name__}") from None
        if answer.status == 101:
            if answer.field("Sec-WebSocket-Accept") != accept_of(key):
                answer.connection.close()
                raise CommandError("unable to upgrade connection: the server's answer does not fit the request")
            return cls(answer.connection)
        body = await answer.refusal()
        refused = error_of(answer.status, body)
        if b'"Status"' in body:
            raise refused
        raise CommandError(f"unable to upgrade connection: {refused}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._messages.closed:
            self._connection.writer.write(close_frame())
        self._connection.close()

    async def send(self, data: bytes) -> None:
        """Send a message. Raises OSError when the connection is gone."""
        self._connection.writer.write(binary_frame(data))
        await self._connection.writer.drain()

    async def receive(self) -> bytes | None:
        """Return the next message, or None at the end."""
        while not self._waiting:
            if self._messages.closed:
                return None
            try:
                data = await self._connection.reader.read(_CHUNK_BYTES)
                self._waiting += self._messages.receive(data)
                if self._messages.to_send:
                    self._connection.writer.write(bytes(self._messages.to_send))
                    self._messages.to_send.clear()
            except (OSError, WebSocketError):
                return None
            if not data and not self._waiting:
                return None
        return self._waiting.popleft()
