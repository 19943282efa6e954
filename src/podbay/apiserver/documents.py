"""Answers that describe the server: discovery, OpenAPI, version.

Takes a path and what the client accepts; gives documents with their entity tags, so that clients fetch them once.
Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/
"""

import asyncio
import hashlib
import platform
from typing import Final

from podbay.api import discovery, openapi
from podbay.api.errors import NotFound
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.negotiation import is_discovery_request
from podbay.apiserver.request_info import RequestInfo
from podbay.apiserver.tokens.openid import CONFIGURATION, KEYS
from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

_V2_PROTOBUF_ACCEPT: Final = "application/com.github.proto-openapi.spec.v2"
_V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_FOR_EVER: Final = [
    ("Cache-Control", "public, immutable"),
    ("Expires", "Tue, 01 Jan 2036 00:00:00 GMT"),
    ("Vary", "Accept"),
]


async def answer(request: Request, info: RequestInfo, config: ApiServerConfig) -> Response | None:
    """Answer a request for a description, or return None if the path is none."""
    path = info.path.rstrip("/")
    words = path.strip("/").split("/")
    if path == "/version":
        return _json(_version(config))
    if path in ("/api", "/apis"):
        return _discovery(request, path, config)
    if words[0] == "apis" and len(words) == 2:
        group = discovery.api_group(words[1])
        return _json(group) if group else None
    if (words[0] == "api" and len(words) == 2) or (words[0] == "apis" and len(words) == 3):
        found = discovery.api_resource_list(words[1] if len(words) == 3 else "", words[-1])
        return _json(found) if found else None
    if path in ("/openapi/v2", "/openapi/v3") or path.startswith("/openapi/v3/"):
        return await _openapi(request, info, path)
    if path == "":
        return _json({"paths": _paths()})
    return None


def _version(config: ApiServerConfig) -> dict[str, str]:
    return {
        "major": "1",
        "minor": config.minor,
        "emulationMajor": "1",
        "emulationMinor": config.minor,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": str(int(config.minor) - 1),
        "gitVersion": config.git_version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "",
        "goVersion": "",
        "compiler": platform.python_implementation(),
        "platform": f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }",
    }


def _discovery(request: Request, path: str, config: ApiServerConfig) -> Response:
    version = is_discovery_request(request.headers.get("Accept"))
    if version:
        body = json.encode(discovery.aggregated(version, core=path == "/api"))
        return _tagged(request, body, discovery.MEDIA.format(version=version), [("Vary", "Accept")])
    return _json(discovery.api_versions(config.address) if path == "/api" else discovery.api_group_list())


async def _openapi(request: Request, info: RequestInfo, path: str) -> Response:
    if path == "/openapi/v2":
        if _V2_PROTOBUF_ACCEPT in request.headers.get("Accept"):
            return _tagged(request, await asyncio.to_thread(openapi.v2_protobuf), _V2_PROTOBUF, [])
        return _tagged(request, await asyncio.to_thread(openapi.v2_document), JSON, [])
    if path == "/openapi/v3":
        index = await asyncio.to_thread(openapi.v3_index)
        paths = {p: {"serverRelativeURL": f"/openapi/v3/{p}?hash={digest}"} for p, digest in index.items()}
        return _tagged(request, json.encode({"paths": paths}), JSON, [("Cache-Control", "no-cache")])
    wanted = path.removeprefix("/openapi/v3/")
    found = await asyncio.to_thread(openapi.v3_document, wanted)
    if found is None:
        raise NotFound(f"no OpenAPI document for {wanted}")
    digest, document = found
    asked = info.query.get("hash", "")
    if asked and asked != digest:  # else a cache would keep this one for ever under another one's name
        return Response(status=301, headers=[("Location", f"/openapi/v3/{wanted}?hash={digest}")])
    return _tagged(request, document, JSON, _FOR_EVER if asked else [], digest)


def _json(value: object) -> Response:
    return Response(status=200, headers=[("Content-Type", JSON)], body=json.encode(value))


def _tagged(request: Request, body: bytes, media: str, headers: list[tuple[str, str]], digest: str = "") -> Response:
    tag = f'"{digest or hashlib.sha512(body).hexdigest().upper()}"'
    headers = [("Content-Type", media), ("ETag", tag), *headers]
    if request.headers.get("If-None-Match") == tag:
        return Response(status=304, headers=headers)
    return Response(status=200, headers=headers, body=body)


def _paths() -> list[str]:
    groups = [f"/apis/{group['name']}" for group in discovery.api_group_list()["groups"]]
    own = (
        "/api",
        "/api/v1",
        "/apis",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        CONFIGURATION,
        KEYS,
    )
    return sorted([*own, "/version", *groups])
