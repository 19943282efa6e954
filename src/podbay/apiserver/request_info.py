"""What a request is about: verb, group, resource, namespace, name, subresource; or a path that is no resource.

Pure. Takes method, path and query; gives the attributes by which a request is authorized and routed.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from podbay.api.selectors import parse_field_selector

PROXY: Final = "proxy"
_VERBS: Final = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Query(Mapping[str, str]):
    """Query parameters: the first value of each name, and all of them in order."""

    def __init__(self, text: str) -> None:
        self.raw = text
        self.pairs = parse_qsl(text, keep_blank_values=True)
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def all(self, name: str) -> list[str]:
        """Return every value of that name."""
        return [value for key, value in self.pairs if key == name]

    def flag(self, name: str) -> bool:
        """Return whether a boolean parameter is set; a bare name counts as set."""
        value = self._first.get(name)
        return value is not None and value.lower() not in ("0", "false")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """See the module. ``resource`` is empty for a path that is no resource."""

    method: str
    path: str
    query: Query
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def is_resource(self) -> bool:
        """Tell whether the path names a resource."""
        return bool(self.resource)

    @property
    def subject_name(self) -> str:
        """Return the one object that a request is about, also if a field selector names it; else nothing."""
        if self.name or self.verb not in ("list", "watch", "deletecollection"):
            return self.name
        try:
            return parse_field_selector(self.query.get("fieldSelector", "")).required("metadata.name") or ""
        except ValueError:
            return ""


def _proxied_from(words: list[str]) -> int:
    """Return where the part of a path begins that is somebody else's: behind ``RESOURCE/NAME/proxy``."""
    return next((i + 1 for i in (2, 4) if words[i : i + 1] == [PROXY] and (i == 2 or words[0] == "namespaces")), 99)


def parse_target(method: str, target: str) -> RequestInfo:
    """Return what a request line is about."""
    path, _, query_text = target.partition("?")
    path, query = unquote(path), Query(query_text)  # first what was meant, then its parts: %2F is a slash
    words = path.strip("/").split("/")
    other = RequestInfo(method=method, path=path, query=query, verb=method.lower())
    if words[0] == "api" and len(words) >= 3:
        group, version, rest = "", words[1], words[2:]
    elif words[0] == "apis" and len(words) >= 4:
        group, version, rest = words[1], words[2], words[3:]
    else:
        return other
    if "" in rest[: _proxied_from(rest)]:
        return other  # nothing that is served has an empty part
    verb = _VERBS.get(method, method.lower())
    if rest[0] == "watch" and len(rest) > 1:
        verb, rest = "watch", rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and group == "":
        namespace = rest[1] if len(rest) > 1 else ""
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if rest[2:3] == [PROXY] else "/".join(rest[2:])
    if not name and verb == "get":
        verb = "watch" if query.flag("watch") else "list"
    if not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(
        method=method,
        path=path,
        query=query,
        verb=verb,
        group=group,
        version=version,
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
    )
