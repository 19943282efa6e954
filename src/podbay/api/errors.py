"""Errors as Kubernetes says them: a Status with reason, code, message, details and causes.

StatusError
├── BadRequest 400            ├── NotAcceptable 406          ├── RequestEntityTooLarge 413
├── Unauthorized 401          ├── AlreadyExists 409          ├── UnsupportedMediaType 415
├── Forbidden 403             ├── Conflict 409               ├── Invalid 422
├── NotFound 404              ├── Gone/Expired 410           ├── TooManyRequests 429
├── MethodNotAllowed 405      ├── InternalError 500          ├── ServiceUnavailable 503, Timeout 504
└── (a Status that a client received is raised again as the class of its reason)

Raised by every floor above ``lib``; turned into bytes once, at the API server's and the kubelet's doors.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause in ``details.causes``: upstream's field error as (FieldValueInvalid, text, path)."""

    reason: str
    message: str
    field: str = ""

    def as_object(self) -> dict[str, Any]:
        """Return the cause as JSON has it."""
        cause = {"reason": self.reason, "message": self.message}
        if self.field:
            cause["field"] = self.field
        return cause


class StatusError(Exception):
    """An error that has a Kubernetes Status.

    ``details`` are name, group, kind, uid, retryAfterSeconds; ``metadata`` may hold a list's way on (``continue``).
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        causes: Sequence[Cause] = (),
        metadata: Mapping[str, Any] | None = None,
        status: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.details = dict(details or {})
        self.causes = tuple(causes)
        self._received = dict(status) if status is not None else None

    def as_status(self) -> dict[str, Any]:
        """Return the Status object, ready to be encoded."""
        if self._received is not None:
            return self._received
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        details = dict(self.details)
        if self.causes:
            details["causes"] = [cause.as_object() for cause in self.causes]
        if details:
            status["details"] = details
        status["code"] = self.code
        return status

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> "StatusError":
        """Return the error of a Status that a client received."""
        kind = _BY_REASON.get(status.get("reason", "")) or _BY_CODE.get(status.get("code", 500), InternalError)
        details = dict(status.get("details") or {})
        causes = [
            Cause(c.get("reason", ""), c.get("message", ""), c.get("field", ""))
            for c in details.pop("causes", None) or ()
        ]
        return kind(str(status.get("message", "")), details=details, causes=causes, status=status)


class BadRequest(StatusError):
    """The request cannot be understood."""

    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    """Nobody that we know."""

    code, reason = 401, "Unauthorized"


class Forbidden(StatusError):
    """Somebody who may not."""

    code, reason = 403, "Forbidden"


class NotFound(StatusError):
    """No such object, or no such resource."""

    code, reason = 404, "NotFound"

    @classmethod
    def object(cls, group: str, plural: str, name: str) -> Self:
        """Return upstream's error for a missing object: ``pods "x" not found``."""
        qualified = f"{plural}.{group}" if group else plural
        details = {"name": name, "kind": plural} | ({"group": group} if group else {})
        return cls(f'{qualified} "{name}" not found', details=details)


class MethodNotAllowed(StatusError):
    """The resource exists and does not have this verb."""

    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(StatusError):
    """No representation that the client accepts."""

    code, reason = 406, "NotAcceptable"


class AlreadyExists(StatusError):
    """An object of that name is there."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def object(cls, group: str, plural: str, name: str) -> Self:
        """Return upstream's error for a name that is taken: ``pods "x" already exists``."""
        qualified = f"{plural}.{group}" if group else plural
        details = {"name": name, "kind": plural} | ({"group": group} if group else {})
        return cls(f'{qualified} "{name}" already exists', details=details)


class Conflict(StatusError):
    """The object was changed since it was read, or a precondition does not hold."""

    code, reason = 409, "Conflict"


class Gone(StatusError):
    """A watch or a list from a revision that is gone, as watch events say it."""

    code, reason = 410, "Gone"


class Expired(StatusError):
    """A revision or continue token that is gone, as lists say it."""

    code, reason = 410, "Expired"


class RequestEntityTooLarge(StatusError):
    """The body is over the limit."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(StatusError):
    """A body in an encoding we do not read."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(StatusError):
    """The object breaks rules; each cause is one of them with its field path."""

    code, reason = 422, "Invalid"


class TooManyRequests(StatusError):
    """Try again after ``details.retryAfterSeconds``."""

    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    """Our own fault."""

    code, reason = 500, "InternalError"


class ServiceUnavailable(StatusError):
    """Not now: starting, stopping, or the store is out of reach."""

    code, reason = 503, "ServiceUnavailable"


class Timeout(StatusError):
    """Not in time; the outcome is open."""

    code, reason = 504, "Timeout"


_CLASSES: tuple[type[StatusError], ...] = (
    BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, AlreadyExists, Conflict, Gone,
    Expired, RequestEntityTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError,
    ServiceUnavailable, Timeout,
)  # fmt: skip
_BY_REASON = {kind.reason: kind for kind in _CLASSES}
_BY_CODE: dict[int, type[StatusError]] = {}
for _kind in _CLASSES:
    _BY_CODE.setdefault(_kind.code, _kind)
