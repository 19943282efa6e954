"""One command's way to the cluster: configuration, namespace, resources by name, requests and their errors.

Takes parsed flags; gives objects. Synchronous. What the server refuses is raised as CommandError in kubectl's words.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from podbay.api.errors import StatusError
from podbay.api.resources import RESOURCES, Resource
from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.client.oneshot import OneShotTransport
from podbay.client.requests import Query, body_of, path, request
from podbay.client.transport import TransportError
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Parsed
from podbay.wire import json
from podbay.wire.http import JSON, Response

USER_AGENT: Final = "podbay/kubectl"
Object = dict[str, Any]


class Session:
    """See the module."""

    def __init__(self, flags: Parsed) -> None:
        self.flags = flags
        try:
            config = kubeconfig.load(
                flags["kubeconfig"], flags["context"], cluster=flags["cluster"], user=flags["user"]
            )
        except kubeconfig.KubeconfigError as error:
            raise CommandError(str(error)) from None
        self.config: ClientConfig = config
        self.namespace: str = flags["namespace"] or config.namespace
        self.transport = OneShotTransport(config)

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
        try:
            response = self.transport.send_sync(asked)
        except TransportError as error:
            raise self.unreachable(error) from None
        warn(response)
        return body_of(response)

    def stream(self, target: str, query: Query | None = None, *, accept: str = JSON) -> Iterator[bytes]:
        """Send a GET and yield the body as it comes. Raises StatusError, CommandError."""
        try:
            answer = self.transport.send_sync(request("GET", target, query, accept=accept, user_agent=USER_AGENT))
            if answer.chunks is None:
                body_of(answer)
                return
            try:
                yield from answer.chunks
            finally:
                answer.chunks.close()
        except TransportError as error:
            raise self.unreachable(error) from None

    def frames(self, target: str, query: Query, *, accept: str = JSON) -> Iterator[Object]:
        """Yield the frames of a watch."""
        rest = b""
        for chunk in self.stream(target, {**query, "watch": True}, accept=accept):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield json.decode(line)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object:
        """Return one object."""
        found: Object = json.decode(self.send("GET", path(resource, namespace=namespace, name=name)))
        return found

    def list(self, resource: Resource, namespace: str = "", query: Query | None = None) -> Object:
        """Return a list of objects, each with its kind."""
        found: Object = json.decode(self.send("GET", path(resource, namespace=namespace), query))
        for item in found.get("items") or ():
            item.setdefault("kind", resource.kind)
            item.setdefault("apiVersion", resource.api_version)
        return found

    def namespace_for(self, resource: Resource) -> str:
        """Return the namespace for requests on a resource; empty for what has none."""
        return self.namespace if resource.namespaced else ""

    def unreachable(self, error: TransportError) -> CommandError:
        """Return kubectl's error for a server that does not answer."""
        if isinstance(error.__cause__, ConnectionRefusedError):
            where = urlsplit(self.config.server).netloc
            return CommandError(
                f"The connection to the server {where} was refused - did you specify the right host or port?"
            )
        return CommandError(f"Unable to connect to the server: {error}")


def warn(response: Response) -> None:
    """Print the warnings that came with an answer."""
    for name, value in response.headers:
        if name.lower() == "warning":
            text = value.partition(" ")[2].partition(" ")[2].strip('"').replace('\\"', '"').replace("\\\\", "\\")
            sys.stderr.write(f"Warning: {text}\n")


def find_resource(word: str) -> Resource:
    """Return the resource that a word names: plural, singular, short name, kind, or with its group.

    Raises CommandError.
    """
    name, _, rest = word.lower().partition(".")
    for resource in RESOURCES:
        if name in (resource.plural, resource.singular, *resource.short_names):
            if not rest and resource.stored_as is None:
                return resource
            if rest and rest in (
                resource.group,
                f"{resource.version}.{resource.group}",
                resource.version,
                f"{resource.version}.",
            ):
                return resource
    raise CommandError(f'the server doesn\'t have a resource type "{word}"')


def server_error(error: StatusError, doing: str = "") -> str:
    """Return the line that tells what a server refused."""
    what = f"{doing}: " if doing else ""
    status = error.as_status()
    reason = status.get("reason", "")
    causes = (status.get("details") or {}).get("causes") or ()
    if reason == "Invalid" and causes:
        return _invalid(status, causes, doing)
    if reason == "Unauthorized":
        return "error: You must be logged in to the server (Unauthorized)"
    if reason:
        return f"Error from server ({reason}): {what}{status.get('message', '')}"
    return f"Error from server: {what}{status.get('message', '')}"


def _invalid(status: Mapping[str, Any], causes: Any, doing: str) -> str:
    if doing:
        return f'The {_kind(status)} "{_name(status)}" is invalid: {_causes(causes)}' if _kind(status) else str(status)
    details = status.get("details") or {}
    if not details.get("kind"):
        return f"The request is invalid: {status.get('message', '')}"
    return f'The {_kind(status)} "{_name(status)}" is invalid: {_causes(causes)}'


def _causes(causes: Any) -> str:
    texts = [f"{c['field']}: {c['message']}" if c.get("field") else c.get("message", "") for c in causes]
    if len(texts) == 1:
        return str(texts[0])
    return "\n" + "\n".join(f"* {text}" for text in texts)


def _kind(status: Mapping[str, Any]) -> str:
    return str((status.get("details") or {}).get("kind", ""))


def _name(status: Mapping[str, Any]) -> str:
    return str((status.get("details") or {}).get("name", ""))
