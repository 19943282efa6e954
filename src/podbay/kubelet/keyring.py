"""Which credentials a pod's pull secrets have for an image, in the order in which they are tried.

Pure. Takes secrets of the types ``kubernetes.io/dockerconfigjson`` and ``kubernetes.io/dockercfg`` and an image's
repository; gives credentials. An entry's key is a registry, with or without scheme, port and a path that the
repository's begins with; a part of the host may be a pattern. The most specific key is tried first.
Invariant: several credentials under one key keep the order of their secrets, so that a password can be rotated.
Source: https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from podbay.cri.runtime import PullCredentials
from podbay.wire import json

_DOCKER_HUB: Final = "index.docker.io"
_SCHEMES: Final = ("https://", "http://")
_HOST: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[][^:]*)(?::[0-9]*)?")
_PORT: Final = re.compile(r"(.*):([0-9]*)", re.DOTALL)
_KINDS: Final = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


class BadPullSecret(ValueError):
    """A pull secret that cannot be read. Its text is what the pod says then, as reason and message."""


def credentials_for(secrets: Iterable[Mapping[str, Any]], repository: str) -> list[PullCredentials]:
    """Return what to try for a repository such as ``docker.io/library/busybox``. Raises BadPullSecret."""
    ring: dict[str, list[PullCredentials]] = {}
    for secret in secrets:
        for place, entry in _entries(secret).items():
            credentials = _credentials(entry)
            key = _key(place)
            if key is not None:
                ring.setdefault(key, []).append(credentials)
    found = [item for key in sorted(ring, reverse=True) if _matches(key, repository) for item in ring[key]]
    return found or (ring.get(_DOCKER_HUB, []) if _is_of_docker_hub(repository) else [])


def _entries(secret: Mapping[str, Any]) -> Mapping[str, Any]:
    data = secret.get("data") or {}
    match secret.get("type"):
        case "kubernetes.io/dockerconfigjson" if data.get(".dockerconfigjson"):
            found = _fields(_parsed(data[".dockerconfigjson"]), "DockerConfigJSON").get("auths")
        case "kubernetes.io/dockercfg" if data.get(".dockercfg"):
            found = _parsed(data[".dockercfg"])
        case _:
            return {}
    if not isinstance(found, dict | None):
        raise BadPullSecret(f"json: cannot unmarshal {_KINDS[type(found)]} into Go value of type DockerConfig")
    return found or {}


def _parsed(data: str) -> Any:
    try:
        return json.decode_with_duplicates(base64.b64decode(data))[0]
    except ValueError as error:
        raise BadPullSecret(str(error)) from None


def _fields(value: Any, kind: str) -> dict[str, Any]:
    """Return an object's fields, whose names may be spelled in capitals too."""
    if not isinstance(value, dict | None):
        raise BadPullSecret(f"json: cannot unmarshal {_KINDS[type(value)]} into Go value of type {kind}")
    return {name.lower(): field for name, field in (value or {}).items()}


def _credentials(entry: Any) -> PullCredentials:
    fields = _fields(entry, "DockerConfigEntryWithAuth")
    for name in ("username", "password", "auth"):
        if not isinstance(fields.get(name), str | None):
            kind = _KINDS[type(fields[name])]
            raise BadPullSecret(
                f"json: cannot unmarshal {kind} into Go struct field DockerConfigEntryWithAuth.{name} of type string"
            )
    if fields.get("auth"):
        return _decoded(fields["auth"])
    return PullCredentials(username=fields.get("username") or "", password=fields.get("password") or "")


def _decoded(auth: str) -> PullCredentials:
    """Return what base64 of ``username:password`` says; its padding may be left out."""
    text = auth.replace("\r", "").replace("\n", "")
    padding = "" if text.strip().endswith("=") else "=" * (-len(text) % 4)
    try:
        decoded = base64.b64decode(text + padding, validate=True).decode(errors="replace")
    except binascii.Error:
        wrong = re.search("[^A-Za-z0-9+/]", text)
        position = wrong.start() if wrong else len(text)
        raise BadPullSecret(f"illegal base64 data at input byte {position}") from None
    username, colon, password = decoded.partition(":")
    if not colon:
        raise BadPullSecret("unable to parse auth field, must be formatted as base64(username:password)")
    return PullCredentials(username=username, password=password)


def _key(place: str) -> str | None:
    """Return a key without its scheme and the version of a registry's API, or None if it is no address."""
    rest = next((place.removeprefix(scheme) for scheme in _SCHEMES if place.startswith(scheme)), place)
    host, slash, path = re.split("[?#]", rest)[0].partition("/")
    host = host.rpartition("@")[2]
    if _HOST.fullmatch(host) is None:
        return None
    path = unquote(slash + path)
    if path.startswith(("/v1/", "/v2/")):
        path = path[3:]
    return host if path == "/" else host + path


def _matches(key: str, repository: str) -> bool:
    """Tell whether an entry is for a repository: the same port, a path that begins so, and a host of that pattern."""
    (host, port, path), (of_host, of_port, of_path) = _split(key), _split(repository)
    patterns, names = host.split("."), of_host.split(".")
    return (
        port == of_port
        and len(patterns) == len(names)
        and of_path.startswith(path)
        and all(_is_like(name, pattern) for pattern, name in zip(patterns, names, strict=True))
    )


def _split(address: str) -> tuple[str, str, str]:
    """Return (host, port, path)."""
    host, slash, path = address.partition("/")
    port = _PORT.fullmatch(host)
    if port is not None and (":" not in port[1] or port[1].startswith("[")):
        host = port[1].removeprefix("[").removesuffix("]")
    else:
        port = None
    return host, port[2] if port else "", slash + path


def _is_like(name: str, pattern: str) -> bool:
    """Tell whether a part of a host is of a pattern with ``*`` and ``[a-z]``, as shells write them."""
    parts = re.split(r"(\*|\[[^\]]+\])", pattern)
    regex = "".join(".*" if part == "*" else part if part.startswith("[") else re.escape(part) for part in parts)
    try:
        return re.fullmatch(regex, name, re.DOTALL) is not None
    except re.error:
        return False


def _is_of_docker_hub(repository: str) -> bool:
    first, slash, _ = repository.partition("/")
    if not first:
        return False
    return not slash or first in ("docker.io", _DOCKER_HUB) or not any(c in first for c in ".:")
