"""A server of a few lines: answers what it is told to, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from podbay.api.errors import StatusError
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.wire import json
from podbay.wire.http import PeerCertificate, Request, Response

Answer = Callable[[Request], Any]


class ScriptedServer:
    """``answers`` are used in order, the last one for ever: an object, bytes, an error to answer or to fail with."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers) or [{}]
        self.asked: list[Request] = []

    @property
    def bodies(self) -> list[Any]:
        return [json.decode(request.body) if request.body else None for request in self.asked]

    @property
    def lines(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.asked]

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TransportError):
            raise answer
        if isinstance(answer, StatusError):
            return Response(status=answer.code, body=json.encode(answer.as_status()))
        if isinstance(answer, Watch):
            return Response(status=200, stream=answer.chunks())
        return Response(status=200, body=json.encode(answer))

    def rest(self, activity: Activity | None = None) -> Rest:
        return Rest(InProcessTransport(self, PeerCertificate("tester"), activity), "tester")


class Watch:
    """A watch's answer: frames at once, and then either the end or silence."""

    def __init__(self, *frames: tuple[str, Any], stays: bool = False) -> None:
        self._frames = frames
        self._stays = stays

    async def chunks(self) -> AsyncIterator[bytes]:
        for kind, obj in self._frames:
            yield json.encode({"type": kind, "object": obj}) + b"\n"
        if self._stays:
            await asyncio.Event().wait()


def pod(name: str, version: int = 1, *, uid: str = "", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def page(version: int, *objects: Any) -> dict[str, Any]:
    return {"kind": "PodList", "metadata": {"resourceVersion": str(version)}, "items": list(objects)}
