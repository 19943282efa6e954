"""An image registry over the OCI distribution API, so that images work offline and on every node.

Takes requests under ``/v2/`` that the API server has authorized; keeps blobs by digest and tags as small files under
one directory. The registry that an image's name belongs to is told by containerd in ``ns``.
Invariant: a blob or manifest is stored only under the digest of its bytes; a tag names a manifest that is there.
Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from podbay.wire import json
from podbay.wire.http import JSON, Request, Response

_NAME: Final = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
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

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._tags = root / "tags"
        for directory in (self._blobs, self._uploads, self._tags):
            directory.mkdir(parents=True, exist_ok=True)
        for left in self._uploads.iterdir():
            left.unlink()  # an upload that was cut off is begun anew

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path, _, query_text = request.target.partition("?")
        query = {name: values[0] for name, values in parse_qs(query_text).items()}
        try:
            for kind, pattern in _ROUTES:
                match = pattern.fullmatch(path)
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
        if not _HOST.fullmatch(host):
            raise RegistryError(400, "NAME_INVALID", "no such registry")
        reads = request.method in ("GET", "HEAD")
        match kind, request.method:
            case "base", _:
                return _json({})
            case "catalog", "GET":
                return _json({"repositories": await asyncio.to_thread(self._catalog)})
            case "tags", "GET":
                return _json({"name": name, "tags": self._tags_of(host, name)})
            case "manifest", _ if reads:
                return self._manifest(host, name, reference)
            case "manifest", "PUT":
                return self._put_manifest(request, host, name, reference)
            case "manifest", "DELETE":
                return self._delete_manifest(host, name, reference)
            case "blob", _ if reads:
                return self._blob(request, reference)
            case "uploads", "POST":
                upload = str(uuid.uuid4())
                (self._uploads / upload).touch()
                return Response(status=202, headers=[("Location", f"/v2/{name}/blobs/uploads/{upload}")])
            case "upload", "PATCH":
                return await self._append(request, name, reference)
            case "upload", "PUT":
                return await self._finish(request, name, reference, query.get("digest", ""))
        raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not possible here")

    def _blob_path(self, digest: str) -> Path:
        return self._blobs / digest.removeprefix("sha256:")

    def _tag_path(self, host: str, name: str, tag: str) -> Path:
        return self._tags / host / name.replace("/", "\x1f") / tag

    def _resolve(self, host: str, name: str, reference: str) -> str:
        if _DIGEST.fullmatch(reference):
            return reference
        if not _TAG.fullmatch(reference):
            raise RegistryError(400, "TAG_INVALID", "no tag can have this name")
        try:
            return self._tag_path(host, name, reference).read_text().strip()
        except OSError:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "no such manifest") from None

    def _manifest(self, host: str, name: str, reference: str) -> Response:
        digest = self._resolve(host, name, reference)
        try:
            data = self._blob_path(digest).read_bytes()
        except OSError:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "no such manifest") from None
        media = "application/vnd.oci.image.manifest.v1+json"
        try:
            decoded = json.decode(data)
            media = decoded.get("mediaType") or (
                "application/vnd.oci.image.index.v1+json" if "manifests" in decoded else media
            )
        except (ValueError, AttributeError):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "this is no manifest") from None
        return Response(status=200, headers=[("Content-Type", media), ("Docker-Content-Digest", digest)], body=data)

    def _put_manifest(self, request: Request, host: str, name: str, reference: str) -> Response:
        digest = "sha256:" + hashlib.sha256(request.body).hexdigest()
        try:
            manifest = json.decode(request.body)
        except ValueError:
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest is no JSON") from None
        parts = [manifest.get("config"), *(manifest.get("layers") or ()), *(manifest.get("manifests") or ())]
        for part in parts:
            if part and not self._blob_path(part["digest"]).exists():
                raise RegistryError(404, "MANIFEST_BLOB_UNKNOWN", f"{part['digest']} is not there")
        if not _TAG.fullmatch(reference) and reference != digest:
            raise RegistryError(400, "DIGEST_INVALID", "the digest is another one")
        _write(self._blob_path(digest), request.body)
        if reference != digest:
            _write(self._tag_path(host, name, reference), digest.encode())
        return Response(
            status=201, headers=[("Location", f"/v2/{name}/manifests/{digest}"), ("Docker-Content-Digest", digest)]
        )

    def _delete_manifest(self, host: str, name: str, reference: str) -> Response:
        self._resolve(host, name, reference)
        path = self._tag_path(host, name, reference)
        path.unlink(missing_ok=True)
        self._collect()
        return Response(status=202)

    def _blob(self, request: Request, digest: str) -> Response:
        path = self._blob_path(digest)
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
            return Response(status=200, headers=headers)
        return Response(status=status, headers=headers, stream=_read(path, start, end))

    async def _append(self, request: Request, name: str, upload: str) -> Response:
        path = self._uploads / upload
        if not path.exists():
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        size = await asyncio.to_thread(_append, path, request.body)
        return Response(
            status=202, headers=[("Location", f"/v2/{name}/blobs/uploads/{upload}"), ("Range", f"0-{max(0, size - 1)}")]
        )

    async def _finish(self, request: Request, name: str, upload: str, digest: str) -> Response:
        path = self._uploads / upload
        if not path.exists():
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if request.body:
            await asyncio.to_thread(_append, path, request.body)
        if await asyncio.to_thread(_digest, path) != digest:
            path.unlink()
            raise RegistryError(400, "DIGEST_INVALID", "the bytes have another digest")
        path.replace(self._blob_path(digest))
        return Response(
            status=201, headers=[("Location", f"/v2/{name}/blobs/{digest}"), ("Docker-Content-Digest", digest)]
        )

    def _tags_of(self, host: str, name: str) -> list[str]:
        directory = self._tags / host / name.replace("/", "\x1f")
        return sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []

    def _catalog(self) -> list[dict[str, Any]]:
        """Return every tagged image: name with its registry, tag, digest, size."""
        found = []
        for path in sorted(self._tags.glob("*/*/*")):
            digest = path.read_text().strip()
            name = f"{path.parent.parent.name}/{path.parent.name.replace(chr(0x1F), '/')}"
            found.append({"name": name, "tag": path.name, "digest": digest, "size": self._size(digest)})
        return found

    def _size(self, digest: str) -> int:
        total = 0
        for name in self._reached(digest):
            path = self._blob_path(name)
            total += path.stat().st_size if path.exists() else 0
        return total

    def _reached(self, digest: str) -> set[str]:
        found = {digest}
        try:
            manifest = json.decode(self._blob_path(digest).read_bytes())
        except (OSError, ValueError):
            return found
        for part in [manifest.get("config"), *(manifest.get("layers") or ())]:
            if part:
                found.add(part["digest"])
        for part in manifest.get("manifests") or ():
            found |= self._reached(part["digest"])
        return found

    def _collect(self) -> None:
        """Remove blobs that no tag reaches."""
        kept: set[str] = set()
        for path in self._tags.glob("*/*/*"):
            kept |= self._reached(path.read_text().strip())
        for blob in self._blobs.iterdir():
            if f"sha256:{blob.name}" not in kept:
                blob.unlink()


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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
