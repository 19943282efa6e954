"""Image archives as ``docker save`` and OCI tools write them, read one blob at a time.

Takes a tar file, compressed or not, or a directory; gives images: a name, a manifest and its blobs. Old ``docker save``
archives (a ``manifest.json`` and layers) are given an OCI manifest.
Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import hashlib
import json
import lzma
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from podbay.api.images import parse_image_name
from podbay.standalone.errors import ClusterError
from podbay.standalone.images.archive_files import DirectoryFiles, Files, TarFiles
from podbay.standalone.images.layer import INDEX, MANIFEST

_GZIP: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 1024 * 1024
_INDEXES: Final = (INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of an image: its digest, and where it is: a member of the archive, or bytes."""

    digest: str
    member: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """One image of an archive. ``manifests`` are parents last: each is a document with its digest."""

    name: str
    blobs: tuple[Blob, ...]
    manifests: tuple[bytes, ...]


class Archive:
    """See the module. Use as a context manager. Raises ClusterError for what is no image archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._files: Files = DirectoryFiles(path) if path.is_dir() else TarFiles(path)
        except FileNotFoundError:
            raise ClusterError(f"{path}: there is no such file") from None
        except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
            raise ClusterError(f"{path} is no image archive: {error}") from None

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def images(self) -> list[ArchivedImage]:
        """Return the archive's named images."""
        try:
            found = self._images()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ClusterError(f"{self._path} is a broken image archive: {type(error).__name__} {error}") from None
        if not found:
            raise ClusterError(
                f"{self._path} holds no image with a name: save it with its name (docker save NAME, or"
                " skopeo copy ... oci-archive:FILE:NAME:TAG)"
            )
        return found

    def read(self, blob: Blob) -> BinaryIO | bytes:
        """Return a blob's bytes or a file to read them from."""
        return self._files.open(blob.member) if blob.member else blob.data

    def _images(self) -> list[ArchivedImage]:
        found: list[ArchivedImage] = []
        if self._files.has("index.json"):
            for entry in self._json("index.json").get("manifests", ()):
                name = _name_of(entry.get("annotations") or {})
                if name:
                    found.append(self._oci(name, entry["digest"]))
        if not found and self._files.has("manifest.json"):
            for entry in self._json("manifest.json"):
                found += [self._docker(_full(name), entry) for name in entry.get("RepoTags") or ()]
        return found

    def _oci(self, name: str, digest: str) -> ArchivedImage:
        document = self._blob(digest)
        manifest = json.loads(document)
        if manifest.get("mediaType") in _INDEXES or "manifests" in manifest:
            children = [self._oci(name, m["digest"]) for m in manifest["manifests"] if self._has(m["digest"])]
            if len(children) < len(manifest["manifests"]):
                # Other platforms were left out of the archive: what is there stands for itself.
                if not children:
                    raise ClusterError(f"the archive names {name} and does not hold it")
                return children[0]
            blobs = tuple(blob for child in children for blob in child.blobs)
            return ArchivedImage(name, blobs, (*(m for child in children for m in child.manifests), document))
        parts = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
        blobs = tuple(Blob(part, member=self._member(part)) for part in parts)
        return ArchivedImage(name, blobs, (document,))

    def _docker(self, name: str, entry: dict[str, Any]) -> ArchivedImage:
        config = self._bytes(entry["Config"])
        layers, blobs = [], [Blob(_digest(config), data=config)]
        for member in entry["Layers"]:
            with self._files.open(member) as file:
                digest, size, magic = _measure(file)
            blobs.append(Blob(digest, member=member))
            media = f"{_LAYER}+gzip" if magic == _GZIP else _LAYER
            layers.append({"mediaType": media, "digest": digest, "size": size})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": layers,
        }
        return ArchivedImage(name, tuple(blobs), (json.dumps(manifest, separators=(",", ":")).encode(),))

    def _member(self, digest: str) -> str:
        name = "blobs/" + digest.replace(":", "/")
        if not self._files.has(name):
            raise ClusterError(f"{self._path} lacks {digest}")
        return name

    def _has(self, digest: str) -> bool:
        return self._files.has("blobs/" + digest.replace(":", "/"))

    def _blob(self, digest: str) -> bytes:
        return self._bytes(self._member(digest))

    def _bytes(self, member: str) -> bytes:
        with self._files.open(member) as file:
            return file.read()

    def _json(self, member: str) -> Any:
        try:
            return json.loads(self._bytes(member))
        except ValueError as error:
            raise ClusterError(f"{self._path}: {member} is broken: {error}") from None


def _measure(file: BinaryIO) -> tuple[str, int, bytes]:
    """Return a file's digest, its size and how it begins."""
    digest, size, magic = hashlib.sha256(), 0, b""
    while chunk := file.read(_CHUNK_BYTES):
        magic = magic or chunk[:2]
        digest.update(chunk)
        size += len(chunk)
    return f"sha256:{digest.hexdigest()}", size, magic


def _name_of(annotations: dict[str, str]) -> str:
    name = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name", "")
    return _full(name) if "/" in name or ":" in name else ""


def _full(name: str) -> str:
    return str(parse_image_name(name))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
