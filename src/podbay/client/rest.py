"""The client of a running part: verbs on resources, over any transport.

Takes plain objects; gives plain objects, or raises StatusError (what the server said) or TransportError (it did not
answer). Every call may be cancelled; a write's outcome is then open.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from podbay.api.resources import Resource
from podbay.client.requests import MERGE, STRATEGIC, Query, error_of, object_of, path, request
from podbay.client.transport import Transport
from podbay.wire import json
from podbay.wire.http import Response

Object = dict[str, Any]


class Rest:
    """See the module."""

    def __init__(self, transport: Transport, user_agent: str) -> None:
        self._transport = transport
        self.user_agent = user_agent

    async def get(self, resource: Resource, name: str, *, namespace: str = "", query: Query | None = None) -> Object:
        """Return one object."""
        return await self._send("GET", path(resource, namespace=namespace, name=name), query)

    async def list(self, resource: Resource, *, namespace: str = "", query: Query | None = None) -> Object:
        """Return a page of objects with its metadata."""
        return await self._send("GET", path(resource, namespace=namespace), query)

    async def create(
        self, resource: Resource, obj: Object, *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> Object:
        """Create an object, or post to a subresource of one."""
        target = path(resource, namespace=namespace, name=name, subresource=subresource)
        return await self._send("POST", target, None, body=obj)

    async def update(self, resource: Resource, obj: Object, *, subresource: str = "") -> Object:
        """Replace an object by its newer self."""
        metadata = obj["metadata"]
        target = path(resource, namespace=metadata.get("namespace", ""), name=metadata["name"], subresource=subresource)
        return await self._send("PUT", target, None, body=obj)

    async def patch(
        self,
        resource: Resource,
        name: str,
        changes: Object,
        *,
        namespace: str = "",
        subresource: str = "",
        merge: bool = False,
    ) -> Object:
        """Change an object by a strategic merge patch (or a merge patch)."""
        target = path(resource, namespace=namespace, name=name, subresource=subresource)
        return await self._send("PATCH", target, None, body=changes, content_type=MERGE if merge else STRATEGIC)

    async def delete(
        self, resource: Resource, name: str, *, namespace: str = "", options: Object | None = None
    ) -> Object:
        """Delete an object, or begin to. ``options`` are DeleteOptions."""
        return await self._send("DELETE", path(resource, namespace=namespace, name=name), None, body=options)

    async def delete_collection(self, resource: Resource, *, namespace: str = "") -> Object:
        """Delete every object of a resource in a namespace."""
        return await self._send("DELETE", path(resource, namespace=namespace), None)

    @asynccontextmanager
    async def watch(
        self, resource: Resource, *, namespace: str = "", query: Query | None = None
    ) -> AsyncIterator[AsyncIterator[Sequence[Object]]]:
        """Open a watch; give an iterator over batches of frames (``type`` and ``object``)."""
        target = path(resource, namespace=namespace)
        asked = request("GET", target, {**(query or {}), "watch": True}, user_agent=self.user_agent)
        response = await self._transport.send(asked)
        if response.stream is None:
            raise error_of(response.status, response.body)
        try:
            yield _frames(response.stream)
        finally:
            close = getattr(response.stream, "aclose", None)
            if close is not None:
                await close()

    async def raw(self, method: str, target: str, query: Query | None = None) -> Response:
        """Send a request to any path and return the answer as it is."""
        return await self._transport.send(request(method, target, query, user_agent=self.user_agent))

    async def _send(
        self, method: str, target: str, query: Query | None, *, body: Any = None, content_type: str = "application/json"
    ) -> Object:
        asked = request(method, target, query, body=body, content_type=content_type, user_agent=self.user_agent)
        return object_of(await self._transport.send(asked))


async def _frames(stream: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Object]]:
    """Yield the complete frames of each chunk together."""
    rest = b""
    async for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        frames = [json.decode(line) for line in lines if line]
        if frames:
            yield frames
