"""Where a probe or a hook goes: port numbers behind names, and URLs.

Pure. Source: upstream's pkg/probe (ResolveContainerPort, NewRequestForHTTPGetAction).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

Object = Mapping[str, Any]
_SAFE: Final = "/:@!$&'()*+,;=-._~%"
_MOST: Final = 65535


class NoTarget(Exception):
    """There is no such port."""


def port_of(port: int | str, container: Object) -> int:
    """Return a port's number; a name is one of the container's ports. Raises NoTarget."""
    number = port if isinstance(port, int) else _named(port, container)
    if not 0 < number <= _MOST:
        raise NoTarget(f"invalid port number: {number}")
    return number


def joined(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(get: Object, container: Object, pod_ip: str) -> str:
    """Return the URL of an HTTP action; its path may have a query. Raises NoTarget."""
    host = get.get("host") or pod_ip
    place = joined(host, port_of(get.get("port", ""), container))
    parts = urlsplit(get.get("path") or "/")
    path = quote(parts.path, safe=_SAFE)
    if not path.startswith("/"):
        path = f"/{path}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{str(get.get('scheme') or 'HTTP').lower()}://{place}{path}{query}"


def headers_of(get: Object, user_agent: str) -> list[tuple[str, str]]:
    """Return the headers of an HTTP action: its own, and ours where it says nothing; an empty Accept is none."""
    given = [(h.get("name") or "", h.get("value") or "") for h in get.get("httpHeaders") or ()]
    names = {name.lower() for name, _ in given}
    headers = [(name, value) for name, value in given if name.lower() != "accept" or value]
    if "user-agent" not in names:
        headers.append(("User-Agent", user_agent))
    if "accept" not in names:
        headers.append(("Accept", "*/*"))
    return headers


def _named(name: str, container: Object) -> int:
    for port in container.get("ports") or ():
        if port.get("name") == name:
            return int(port["containerPort"])
    if name.isascii() and name.isdigit():
        return int(name)
    raise NoTarget(f'strconv.Atoi: parsing "{name}": invalid syntax')
