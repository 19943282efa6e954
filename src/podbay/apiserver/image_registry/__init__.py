"""An image registry over the OCI distribution API, so that images work offline and on every node.

Takes requests under ``/v2/`` that the API server has authorized; ``store`` keeps what they bring. The registry that an
image's name belongs to is told by containerd in ``ns``.
Invariant: a blob or manifest is stored only under the digest of its bytes; a tag names a manifest that is there.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from podbay.apiserver.image_registry.store import DIGEST, RegistryFiles, parts_of
from podbay.lib.clock import Clock
from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

_NAME: Final = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]{0,254}")
_LONGEST_NAME: Final = 200
_ROUTES: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("base", r"/v2/?"),
        ("catalog", r"/v2/_catalog"),
        ("manifest", rf"/v2/(?P<name>{_NAME})/manifests/(?P<reference>[^/]+)"),
        ("blob", rf"/v2/(?P<name>{_NAME})/blobs/(?P<reference>sha256:[0-9a-f]{{64}})"),
        ("uploads", rf"/v2/(?P<name>{_NAME})/blobs/uploads/"),
        ("upload", rf"/v2/(?P<name>{_NAME})/blobs/uploads/(?P<reference>[0-9a-f-]{{36}})"),
        ("tags", rf"/v2/(?P<name>{_NAME})/tags/list"),
    )
)
_CHUNK_BYTES: Final = 256 * 1024
_DEFAULT_HOST: Final = "docker.io"


class RegistryError(Exception):
    """A refusal in the registry's own form."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ImageRegistry:
    """See the module: a ``wire.http.Handler``."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._files = RegistryFiles(root, clock)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path, _, query_text = request.target.partition("?")
        query = {name: values[0] for name, values in parse_qs(query_text).items()}
        try:
            for kind, pattern in _ROUTES:
                match = pattern.fullmatch(unquote(path))
                if match:
                    return await self._answer(kind, request, query, **match.groupdict())
            raise RegistryError(404, "NAME_UNKNOWN", "no such path")
        except RegistryError as error:
            body = json.encode({"errors": [{"code": error.code, "message": str(error)}]})
            return Response(status=error.status, headers=[("Content-Type", JSON)], body=body)

    async def _answer(
        self, kind: str, request: Request, query: dict[str, str], name: str = "", reference: str = ""
    ) -> Response:
        host = query.get("ns", _DEFAULT_HOST)
        if not _HOST.fullmatch(host) or len(name) > _LONGEST_NAME:
            raise RegistryError(400, "NAME_INVALID", "no registry or repository can have this name")
        reads = request.method in ("GET", "HEAD")
        match kind, request.method:
            case "base", _ if reads:
                return _json({})
            case "catalog", "GET":
                return _json({"repositories": await asyncio.to_thread(self._files.catalog)})
            case "tags", "GET":
                return _json({"name": name, "tags": self._files.tags(host, name)})
            case "manifest", _ if reads:
                return self._manifest(host, name, reference)
            case "manifest", "PUT":
                return self._put_manifest(request, host, name, reference)
            case "manifest", "DELETE":
                return self._delete_manifest(host, name, reference)
            case "blob", _ if reads:
                return self._blob(request, reference)
            case "uploads", "POST":
                return _uploading(name, self._files.begin_upload(), 0)
            case "upload", "PATCH":
                return await self._append(request, name, reference)
            case "upload", "PUT":
                return await self._finish(request, name, reference, query.get("digest", ""))
            case "upload", "GET":
                return _uploading(name, reference, self._upload(reference).stat().st_size, status=204)
            case "upload", "DELETE":
                self._upload(reference).unlink(missing_ok=True)
                return Response(status=204)
        raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not possible here")

    def _resolve(self, host: str, name: str, reference: str) -> str:
        if DIGEST.fullmatch(reference):
            return reference
        if not _TAG.fullmatch(reference):
            raise RegistryError(400, "TAG_INVALID", "no tag can have this name")
        digest = self._files.tag(host, name, reference)
        if digest is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "no such manifest")
        return digest

    def _manifest(self, host: str, name: str, reference: str) -> Response:
        digest = self._resolve(host, name, reference)
        try:
            data = self._files.blob(digest).read_bytes()
            decoded = json.decode(data)
            parts_of(decoded)
        except OSError:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "no such manifest") from None
        except ValueError:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "this is no manifest") from None
        kind = "index" if "manifests" in decoded else "manifest"
        media = str(decoded.get("mediaType") or f"application/vnd.oci.image.{kind}.v1+json")
        return Response(status=200, headers=[("Content-Type", media), ("Docker-Content-Digest", digest)], body=data)

    def _put_manifest(self, request: Request, host: str, name: str, reference: str) -> Response:
        is_tag = _TAG.fullmatch(reference) is not None
        if not is_tag and not DIGEST.fullmatch(reference):
            raise RegistryError(400, "TAG_INVALID", "no tag can have this name")
        if not is_tag and reference != _digest_of(request.body):
            raise RegistryError(400, "DIGEST_INVALID", "the digest is another one")
        try:
            parts = parts_of(json.decode(request.body))
        except ValueError as error:
            raise RegistryError(400, "MANIFEST_INVALID", f"this is no manifest: {error}") from None
        for part in parts:
            if not self._files.blob(part).exists():
                raise RegistryError(404, "MANIFEST_BLOB_UNKNOWN", f"{part} is not there")
        digest = self._files.write_manifest(request.body)
        if is_tag:
            self._files.set_tag(host, name, reference, digest)
        return Response(
            status=201, headers=[("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        )

    def _delete_manifest(self, host: str, name: str, reference: str) -> Response:
        """Remove a tag, or every tag of this repository that names a digest."""
        digest = self._resolve(host, name, reference)
        named = [tag for tag in self._files.tags(host, name) if self._files.tag(host, name, tag) == digest]
        if DIGEST.fullmatch(reference) and not named:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "no such manifest")
        self._files.remove_tags(host, name, named if DIGEST.fullmatch(reference) else [reference])
        return Response(status=202)

    def _blob(self, request: Request, digest: str) -> Response:
        path = self._files.blob(digest)
        try:
            size = path.stat().st_size
        except OSError:
            raise RegistryError(404, "BLOB_UNKNOWN", "no such blob") from None
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest),
            ("Accept-Ranges", "bytes"),
        ]
        start, end, status = 0, size, 200
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range"))
        if wanted:
            start, end, status = int(wanted[1]), min(size, int(wanted[2] or size - 1) + 1), 206
            if start >= size:
                return Response(status=416, headers=[("Content-Range", f"bytes */{size}")])
            headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
        headers.append(("Content-Length", str(end - start)))
        if request.method == "HEAD":
            self._files.pin(digest)  # so ask those who push, and send it not again if it is there
            return Response(status=200, headers=headers)
        return Response(status=status, headers=headers, stream=_read(path, start, end))

    async def _append(self, request: Request, name: str, upload: str) -> Response:
        path = self._upload(upload)
        start = re.fullmatch(r"(\d+)-\d+", request.headers.get("Content-Range"))
        if start and int(start[1]) != path.stat().st_size:
            raise RegistryError(416, "BLOB_UPLOAD_INVALID", "this is not the next part")
        return _uploading(name, upload, await asyncio.to_thread(_append, path, request.body))

    async def _finish(self, request: Request, name: str, upload: str, digest: str) -> Response:
        path = self._upload(upload)
        if not DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", "a sha256 digest is needed")
        if request.body:
            await asyncio.to_thread(_append, path, request.body)
        if not await asyncio.to_thread(self._files.finish_upload, path, digest):
            raise RegistryError(400, "DIGEST_INVALID", "the bytes have another digest")
        return Response(
            status=201, headers=[("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]
        )

    def _upload(self, name: str) -> Path:
        path = self._files.upload(name)
        if path is None:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        return path


def _uploading(name: str, upload: str, size: int, *, status: int = 202) -> Response:
    """Return where an upload goes on, and how far it is."""
    location = f"/v2/{name}/blobs/uploads/{upload}"
    return Response(status=status, headers=[("Location", location), ("Range", f"0-{max(0, size - 1)}")])


def _json(value: Any) -> Response:
    headers = [("Content-Type", JSON), ("Docker-Distribution-Api-Version", "registry/2.0")]
    return Response(status=200, headers=headers, body=json.encode(value))


async def _read(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            chunk = await asyncio.to_thread(file.read, min(_CHUNK_BYTES, end - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk


def _append(path: Path, data: bytes) -> int:
    with path.open("ab") as file:
        file.write(data)
        return file.tell()


def _digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
