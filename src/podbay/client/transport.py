"""What carries requests to a server, whatever the way: in process, by aiohttp, or one shot.

One suite of behaviours holds for all of them.
"""

from typing import Protocol

from podbay.wire.http import Request, Response


class TransportError(Exception):
    """The server could not be reached, or went away before it had answered."""


class Transport(Protocol):
    """Sends requests. A response's stream must be read to its end or closed."""

    async def send(self, request: Request) -> Response:
        """Return the answer's status and headers, with a stream as its body if the request is a watch or a log.

        Raises TransportError. Cancelling abandons the request.
        """

    async def close(self) -> None:
        """Close every connection; streams end."""
