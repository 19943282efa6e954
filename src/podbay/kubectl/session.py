"""One command's way to the cluster: configuration, namespace, resources by name, requests and their errors.

Takes parsed flags; gives objects. Synchronous. What the server refuses is raised as CommandError in kubectl's words.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from podbay.api.errors import StatusError
from podbay.api.resources import SERVED, Resource
from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.client.oneshot import OneShotTransport, SyncResponse
from podbay.client.requests import Query, body_of, path, request
from podbay.client.transport import TransportError
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Parsed, duration_s
from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

USER_AGENT: Final = "podbay/kubectl"
_TOLD_REQUESTS: Final = 6  # from this level of -v on, kubectl tells every request
Object = dict[str, Any]


class Session:
    """See the module."""

    def __init__(self, flags: Parsed) -> None:
        self.flags = flags
        for name in ("username", "password"):
            if flags[name]:
                raise CommandError(f"podbay does not support --{name}: servers take certificates and tokens")
        try:
            config = kubeconfig.load(
                flags["kubeconfig"],
                flags["context"],
                cluster=flags["cluster"],
                user=flags["user"],
                overrides=overrides_of(flags),
            )
        except kubeconfig.KubeconfigError as error:
            raise CommandError(str(error)) from None
        self.config: ClientConfig = config
        self.namespace: str = flags["namespace"] or config.namespace
        self.transport = OneShotTransport(config, timeout_s=timeout_of(flags["request-timeout"]))

    def send(
        self,
        method: str,
        target: str,
        query: Query | None = None,
        *,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """Send a request and return the answer's body. Raises StatusError, CommandError."""
        asked = request(
            method, target, query, body=body, content_type=content_type, accept=accept, user_agent=USER_AGENT
        )
        response = self._answer(asked)
        warn(response)
        return body_of(response)

    def stream(self, target: str, query: Query | None = None, *, accept: str = JSON) -> Iterator[bytes]:
        """Send a GET and yield the body as it comes. Raises StatusError, CommandError."""
        answer = self._answer(request("GET", target, query, accept=accept, user_agent=USER_AGENT))
        if answer.chunks is None:
            yield body_of(answer)
            return
        try:
            yield from answer.chunks
        except TransportError as error:
            raise self.unreachable(error) from None
        finally:
            answer.chunks.close()

    def frames(self, target: str, query: Query, *, accept: str = JSON) -> Iterator[Object]:
        """Yield the frames of a watch."""
        rest = b""
        try:
            for chunk in self.stream(target, {**query, "watch": True}, accept=accept):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield json.decode(line)
        except TimedOut:
            return  # the time that --request-timeout gave is over

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        """Return one object."""
        found: Object = json.decode(self.send("GET", path(resource, namespace=namespace, name=name)))
        return found

    def list(self, resource: Resource, namespace: str = "", query: Query | None = None) -> Object:
        """Return a list of objects, each with its kind, page by page if ``limit`` is in the query."""
        url, query = path(resource, namespace=namespace), dict(query or {})
        found = self._page(resource, url, query)
        while token := (found.get("metadata") or {}).get("continue"):
            page = self._page(resource, url, {**query, "continue": token})
            found = {**found, "metadata": page["metadata"], "items": found["items"] + page["items"]}
        for item in found.get("items") or ():
            item.setdefault("kind", resource.kind)
            item.setdefault("apiVersion", resource.api_version)
        return found

    def _page(self, resource: Resource, url: str, query: Query) -> Object:
        try:
            found: Object = json.decode(self.send("GET", url, query))
        except StatusError as error:
            raise list_error(error, resource, query) from None
        return found

    def namespace_for(self, resource: Resource) -> str:
        """Return the namespace for requests on a resource; empty for what has none."""
        return self.namespace if resource.namespaced else ""

    def _answer(self, asked: Request) -> SyncResponse:
        began = time.monotonic()
        try:
            response = self.transport.send_sync(asked)
        except TransportError as error:
            raise self.unreachable(error) from None
        if self.flags["v"] >= _TOLD_REQUESTS:
            took_ms = round((time.monotonic() - began) * 1000)
            server = self.config.server.rstrip("/")
            sys.stderr.write(f"{asked.method} {server}{asked.target} {response.status} in {took_ms} milliseconds\n")
        return response

    def unreachable(self, error: TransportError) -> CommandError:
        """Return kubectl's error for a server that does not answer."""
        if isinstance(error.__cause__, TimeoutError):
            return TimedOut("Unable to connect to the server: context deadline exceeded")
        if isinstance(error.__cause__, ConnectionRefusedError):
            where = urlsplit(self.config.server).netloc
            return CommandError(
                f"The connection to the server {where} was refused - did you specify the right host or port?"
            )
        return CommandError(f"Unable to connect to the server: {error}")


class TimedOut(CommandError):
    """The server did not answer in the time that ``--request-timeout`` gives it."""


def overrides_of(flags: Parsed) -> kubeconfig.Overrides:
    """Return what the flags say in place of a kubeconfig."""
    return kubeconfig.Overrides(
        server=flags["server"],
        token=flags["token"],
        insecure=flags["insecure-skip-tls-verify"] if "insecure-skip-tls-verify" in flags.given else None,
        server_name=flags["tls-server-name"],
        certificate_authority=flags["certificate-authority"],
        client_certificate=flags["client-certificate"],
        client_key=flags["client-key"],
        user=flags["as"],
        groups=tuple(flags["as-group"]),
        uid=flags["as-uid"],
    )


def timeout_of(text: str) -> float | None:
    """Return the seconds of ``--request-timeout``; None for no limit. Raises CommandError."""
    try:
        seconds = float(text) if text.isdigit() else duration_s(text)
    except CommandError:
        raise CommandError(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a"
            " corresponding time unit (e.g. 1s | 2m | 3h)"
        ) from None
    return seconds or None


WARNINGS: Final[list[str]] = []  # those that this command was given, for --warnings-as-errors


def warn(response: Response) -> None:
    """Print the warnings that came with an answer."""
    for name, value in response.headers:
        if name.lower() == "warning":
            WARNINGS.append(value)
            text = value.partition(" ")[2].partition(" ")[2].strip('"').replace('\\"', '"').replace("\\\\", "\\")
            sys.stderr.write(f"Warning: {text}\n")


def find_resource(word: str) -> Resource:
    """Return the resource that a word names: plural, singular, short name, kind, or with its group.

    Raises CommandError.
    """
    name, dot, rest = word.lower().partition(".")
    found = [resource for resource in SERVED if name in (resource.plural, resource.singular, *resource.short_names)]
    for resource in found:
        named = (resource.group, f"{resource.version}.{resource.group}") if dot else ()
        if (not dot and resource.stored_as is None) or rest in named:
            if not dot and name in resource.short_names and len(found) > 1:
                other = next(r for r in found if r is not resource)
                sys.stderr.write(
                    f'Warning: short name "{word}" could also match lower priority resource {other.group_resource}\n'
                )
            return resource
    version, _, group = rest.partition(".")
    with_version = bool(dot and group and version.startswith("v")) or rest in ("v1", "v1.")
    shown = name if with_version else word
    raise CommandError(f'the server doesn\'t have a resource type "{shown}"')


def list_error(error: StatusError, resource: Resource, query: Query) -> StatusError:
    """Return the error of a list with what was asked for, as kubectl tells it."""
    if error.code not in (400, 404):
        return error
    status = error.as_status()
    kind = f"{resource.group}/{resource.version}, Resource={resource.plural}"
    label, field = query.get("labelSelector") or "", query.get("fieldSelector") or ""
    what = f'find "{kind}" that match label selector "{label}", field selector "{field}"'
    what = what if label or field else f'list "{kind}"'
    return StatusError.of({**status, "message": f"Unable to {what}: {status.get('message', '')}"})


def server_error(error: StatusError, doing: str = "") -> str:
    """Return the line that tells what a server refused."""
    what = f"{doing}: " if doing else ""
    status = error.as_status()
    reason = status.get("reason", "")
    if reason == "Invalid":
        return _invalid(status)
    if reason == "Unauthorized":
        return "error: You must be logged in to the server (Unauthorized)"
    if reason:
        return f"Error from server ({reason}): {what}{status.get('message', '')}"
    return f"Error from server: {what}{status.get('message', '')}"


def _invalid(status: Mapping[str, Any]) -> str:
    details = status.get("details") or {}
    kind, name, causes = details.get("kind", ""), details.get("name", ""), details.get("causes") or ()
    told = f'The {kind} "{name}" is invalid' if kind or name else "The request is invalid"
    if causes:
        return f"{told}: {_causes(causes)}"
    message = status.get("message", "")
    return f"{told}: {message}" if message and not kind and not name else told


def _causes(causes: Any) -> str:
    texts = [f"{c['field']}: {c['message']}" if c.get("field") else c.get("message", "") for c in causes]
    texts = list(dict.fromkeys(texts))
    if len(texts) == 1:
        return str(texts[0])
    return "\n" + "\n".join(f"* {text}" for text in texts)
