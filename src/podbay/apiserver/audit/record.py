"""What is seen of one request on its way, told to the audit log at its stages.

Takes, from the stations of a request: who asks, as whom, whether that was allowed, the object of the body, what
admission has to say, and the answer; gives events to the log.
Invariant: nothing here changes an answer but for its ``Audit-Id``; a request that the policy does not want leaves
nothing, and a server without a policy does nothing.
Source: k8s.io/apiserver's ``pkg/endpoints/filters/audit.go`` and ``pkg/audit``.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Self

from podbay.apiserver.audit.events import Answer, AuditEvent, source_ips, user_agent, without_empty
from podbay.apiserver.audit.log import AuditLog
from podbay.apiserver.audit.policy import AuditPolicy, Level, Ruling, Stage
from podbay.apiserver.identity import Identity
from podbay.apiserver.request_info import RequestInfo
from podbay.lib.clock import Clock
from podbay.wire import json
from podbay.wire.http import Request, Response
from podbay.wire.times import format_micro_time

_ID: Final = "Audit-Id"
_STREAMS: Final = ("attach", "exec", "log", "portforward", "proxy")
_LEFT: Final = {"status": "Success", "message": "Connection closed early"}


class Record:
    """What the stations of a request tell. This one is of a request that nobody audits: it forgets everything."""

    def authenticated(self, identity: Identity | None) -> None:
        """Hear who asks; None if nobody knows."""

    def impersonated(self, identity: Identity) -> None:
        """Hear as whom somebody asks."""

    def annotate(self, key: str, value: str) -> None:
        """Hear what a station has to say; the first word counts."""

    def request_object(self, obj: Mapping[str, Any]) -> None:
        """Hear which object the body has."""

    def request_patch(self, patch: Any) -> None:
        """Hear which patch the body has."""

    def answered(self, response: Response, unforeseen: Exception | None = None) -> None:
        """Hear the answer, whose stream or upgrade is followed to its end, and which error nobody thought of."""

    def abandoned(self) -> None:
        """Hear that the client went away before there was an answer."""


UNRECORDED: Final = Record()


class Auditor:
    """An audit policy in force."""

    def __init__(self, policy: AuditPolicy, log: AuditLog, clock: Clock) -> None:
        self.policy = policy
        self.log = log
        self.clock = clock

    def record(self, request: Request, info: RequestInfo) -> Record:
        """Return the record of a request that just came."""
        return AuditedRequest(self, request, info)


class AuditedRequest(Record):
    """The record of a request that a policy rules."""

    def __init__(self, auditor: Auditor, request: Request, info: RequestInfo) -> None:
        self._auditor = auditor
        self._request = request
        self._info = info
        self._received = format_micro_time(auditor.clock.now())
        self._id = json.without_halves(request.headers.get(_ID)) or str(uuid.uuid4())
        self._ruling = Ruling()
        self._is_known = False
        self._user: Mapping[str, Any] = {}
        self._acting: Mapping[str, Any] = {}
        self._subject = _subject(info)
        self._body = b""
        self._annotations: dict[str, str] = {}
        self._answer: Answer | None = None

    def authenticated(self, identity: Identity | None) -> None:
        """Ask the policy; tell that the request came, unless nobody knows who sent it."""
        self._ruling = self._auditor.policy.ruling(identity, self._info)
        if identity is not None:
            self._is_known = True
            self._user = identity.as_user_info()
            self._tell(Stage.REQUEST_RECEIVED)

    def impersonated(self, identity: Identity) -> None:
        """Keep as whom somebody asks."""
        self._acting = identity.as_user_info()

    def annotate(self, key: str, value: str) -> None:
        """Keep what a station has to say."""
        self._annotations.setdefault(key, value)

    def request_object(self, obj: Mapping[str, Any]) -> None:
        """Keep the object as it is now, and what it says of itself that the path does not."""
        metadata = obj.get("metadata") or {}
        for name in ("namespace", "name", "uid", "resourceVersion"):
            if metadata.get(name):
                self._subject.setdefault(name, metadata[name])
        if self._ruling.level >= Level.REQUEST:
            self._body = json.encode(obj)

    def request_patch(self, patch: Any) -> None:
        """Keep the patch as it is now."""
        if self._ruling.level >= Level.REQUEST:
            self._body = json.encode(patch)

    def answered(self, response: Response, unforeseen: Exception | None = None) -> None:
        """Tell that the answer began, if it is long, and that it is complete: at the end of its stream."""
        response.headers.append((_ID, self._id))
        if unforeseen is not None:
            told = {"status": "Failure", "message": f"APIServer panic'd: {unforeseen}", "reason": "InternalError"}
            self._answer = Answer(code=response.status, status=told)
            self._tell(Stage.PANIC)
            return
        self._answer = self._answer_of(response)
        if not self._is_known:
            self._tell(Stage.RESPONSE_STARTED)
            return
        if self._is_long():
            self._tell(Stage.RESPONSE_STARTED)
        if response.stream is not None:
            response.stream = _Followed(response.stream, self._complete)
        elif response.upgrade is not None:
            response.upgrade = self._followed(response.upgrade)
        else:
            self._complete()

    def abandoned(self) -> None:
        """Tell that the connection closed early."""
        self._answer = Answer(code=200, status=_LEFT)
        if self._is_long():
            self._tell(Stage.RESPONSE_STARTED)
        self._complete()

    def _is_long(self) -> bool:
        return self._info.verb == "watch" or self._info.subresource in _STREAMS

    def _answer_of(self, response: Response) -> Answer:
        media = dict(response.headers).get("Content-Type", "").partition(";")[0]
        answer = Answer(code=response.status, body=response.body, is_yaml=media == "application/yaml")
        is_whole = self._ruling.level is Level.REQUEST_RESPONSE and self._info.subresource not in _STREAMS
        if answer.is_status() or (is_whole and media in ("application/json", "application/yaml")):
            return answer
        return Answer(code=response.status)

    def _followed(self, upgrade: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        async def upgraded(connection: Any) -> None:
            try:
                await upgrade(connection)
            finally:
                self._complete()

        return upgraded

    def _complete(self) -> None:
        self._tell(Stage.RESPONSE_COMPLETE)

    def _tell(self, stage: Stage) -> None:
        ruling = self._ruling
        if ruling.level is Level.NONE or stage in ruling.omit_stages:
            return
        came = stage is Stage.REQUEST_RECEIVED
        request = self._request
        head = {"auditID": self._id, "stage": str(stage), "requestURI": request.target, "verb": self._info.verb}
        optional = {
            "impersonatedUser": self._acting,
            "sourceIPs": source_ips(request.headers, request.remote),
            "userAgent": user_agent(request.headers),
            "objectRef": dict(self._subject),
        }
        tail = {
            "requestReceivedTimestamp": self._received,
            "stageTimestamp": self._received if came else format_micro_time(self._auditor.clock.now()),
        }
        self._auditor.log.append(
            AuditEvent(
                level=ruling.level,
                head={**head, "user": self._user, **without_empty(optional)},
                tail={**tail, **without_empty({"annotations": dict(self._annotations)})},
                request=self._body,
                answer=self._answer,
                omit_managed_fields=ruling.omit_managed_fields,
            )
        )


class _Followed:
    """A stream, and what is to be done once when it has ended or was closed."""

    def __init__(self, stream: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended
        self._is_open = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._stream)
        except BaseException:
            self._end()
            raise

    async def aclose(self) -> None:
        """Close the stream."""
        try:
            close = getattr(self._stream, "aclose", None)
            if close is not None:
                await close()
        finally:
            self._end()

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._ended()


def _subject(info: RequestInfo) -> dict[str, Any]:
    """Return what is known of the object before anything was read."""
    if not info.is_resource:
        return {}
    return without_empty(
        {
            "resource": info.resource,
            "namespace": info.namespace,
            "name": info.subject_name,
            "apiGroup": info.group,
            "apiVersion": info.version,
            "subresource": info.subresource,
        }
    )
