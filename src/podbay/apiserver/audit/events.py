"""One line of the audit log: an Event of audit.k8s.io/v1 as JSON.

Pure. Takes what was seen of a request up to a stage, bodies still as bytes; gives the line. May be slow for a large
body: it is called beside the event loop.
Invariant: a line is one JSON object; an object of a body that cannot be read is left out, never the line.
Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.apiserver.audit.policy import Level
from podbay.wire import json, yaml
from podbay.wire.http import Headers

_STATUS_FIELDS: Final = ("status", "message", "reason", "details", "code")
_AGENT_LENGTH: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a code, and a body in JSON or YAML if it is an object."""

    code: int
    body: bytes = b""
    is_yaml: bool = False
    status: Mapping[str, Any] | None = None  # what is told of it instead, where there is no body

    def is_status(self) -> bool:
        """Tell whether the body is a Status."""
        if self.is_yaml:
            return b"\nkind: Status\n" in self.body  # what belongs to a value is indented
        return self.body.startswith(b'{"kind":"Status"')


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """What is to be written: the first and the last fields of the line, and what stands between them."""

    level: Level
    head: Mapping[str, Any]
    tail: Mapping[str, Any]
    request: bytes = b""
    answer: Answer | None = None
    omit_managed_fields: bool = False

    def line(self) -> bytes:
        """Return the line, with its end."""
        parts = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": self.level.text, **self.head}
        answer = self.answer
        if answer is not None:
            found = _decoded(answer.body, is_yaml=answer.is_yaml) if answer.body else None
            parts["responseStatus"] = _response_status(answer, found)
        if self.request:
            parts["requestObject"] = self._shown(_decoded(self.request))
        if answer is not None and self.level is Level.REQUEST_RESPONSE and _is_object(found):
            parts["responseObject"] = self._shown(found)
        return json.encode({**parts, **self.tail}) + b"\n"

    def _shown(self, value: Any) -> Any:
        if not self.omit_managed_fields or not isinstance(value, dict):
            return value
        shown = _without(value)
        if isinstance(value.get("items"), list):
            shown["items"] = [_without(item) for item in value["items"]]
        if value.get("kind") == "Table" and isinstance(value.get("rows"), list):
            shown["rows"] = [_row_without(row) for row in value["rows"]]
        return shown


def source_ips(headers: Headers, remote: str) -> list[str]:
    """Return the addresses that a request says it came by, the last of which is where it did come from."""
    found: list[str] = []
    for text in headers.get("X-Forwarded-For").split(","):
        found += _address(text)
    found += [text for text in _address(headers.get("X-Real-Ip")) if text not in found]
    return found + [text for text in _address(remote) if found[-1:] != [text]]


def user_agent(headers: Headers) -> str:
    """Return what the client calls itself, cut where it is too long."""
    text = headers.get("User-Agent")
    return text if len(text) <= _AGENT_LENGTH else f"{text[:_AGENT_LENGTH]}...TRUNCATED"


def without_empty(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not empty."""
    return {name: value for name, value in parts.items() if value}


def _address(text: str) -> Sequence[str]:
    try:
        return [str(ipaddress.ip_address(text.strip()))]
    except ValueError:
        return []


def _response_status(answer: Answer, found: Any) -> dict[str, Any]:
    status = found if answer.is_status() and isinstance(found, dict) else answer.status or {}
    told = {name: status[name] for name in _STATUS_FIELDS if status.get(name)}
    return {"metadata": {}, **told, "code": answer.code}


def _decoded(body: bytes, *, is_yaml: bool = False) -> Any:
    try:
        return next(iter(yaml.load_all(body)), None) if is_yaml else json.decode(body)
    except ValueError:
        return None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("kind"), str) and "apiVersion" in value


def _without(obj: Any) -> Any:
    metadata = obj.get("metadata") if isinstance(obj, dict) else None
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return dict(obj) if isinstance(obj, dict) else obj
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}


def _row_without(row: Any) -> Any:
    return {**row, "object": _without(row["object"])} if isinstance(row, dict) and "object" in row else row
