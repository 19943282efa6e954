"""Image archives as ``docker save`` and OCI tools write them, read one blob at a time.

Takes a tar file; gives images: a name, a manifest and its blobs. Old ``docker save`` archives (a ``manifest.json`` and
layers) are given an OCI manifest. Nothing is unpacked to the disk but a copy of standard input.
Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from podbay.api.images import parse_image_name
from podbay.standalone.errors import ClusterError
from podbay.standalone.images.layer import INDEX, MANIFEST

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
        try:
            self._tar = tarfile.open(path)  # noqa: SIM115 closed by __exit__
        except (OSError, tarfile.TarError) as error:
            raise ClusterError(f"{path} is no image archive: {error}") from None
        self._members = {member.name.removeprefix("./"): member for member in self._tar.getmembers()}

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def images(self) -> Iterator[ArchivedImage]:
        """Yield the archive's named images."""
        found = False
        if "index.json" in self._members:
            for entry in self._json("index.json").get("manifests", ()):
                name = _name_of(entry.get("annotations") or {})
                if name:
                    found = True
                    yield self._oci(name, entry["digest"])
        if not found and "manifest.json" in self._members:
            for entry in self._json("manifest.json"):
                for name in entry.get("RepoTags") or ():
                    found = True
                    yield self._docker(_full(name), entry)
        if not found:
            raise ClusterError("the archive holds no image with a name: save it with its name (docker save NAME)")

    def read(self, blob: Blob) -> BinaryIO | bytes:
        """Return a blob's bytes or a file to read them from."""
        if not blob.member:
            return blob.data
        file = self._tar.extractfile(self._members[blob.member])
        if file is None:
            raise ClusterError(f"the archive's {blob.member} is no file")
        return file  # type: ignore[return-value]  # an IO[bytes]

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
            file = self._tar.extractfile(self._members[member])
            if file is None:
                raise ClusterError(f"the archive's {member} is no file")
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # what tarfile gives reads as a file does
            blobs.append(Blob(digest, member=member))
            layers.append({"mediaType": _LAYER, "digest": digest, "size": self._members[member].size})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": layers,
        }
        return ArchivedImage(name, tuple(blobs), (json.dumps(manifest, separators=(",", ":")).encode(),))

    def _member(self, digest: str) -> str:
        name = "blobs/" + digest.replace(":", "/")
        if name not in self._members:
            raise ClusterError(f"the archive lacks {digest}")
        return name

    def _has(self, digest: str) -> bool:
        return "blobs/" + digest.replace(":", "/") in self._members

    def _blob(self, digest: str) -> bytes:
        return self._bytes(self._member(digest))

    def _bytes(self, member: str) -> bytes:
        file = self._tar.extractfile(self._members[member]) if member in self._members else None
        if file is None:
            raise ClusterError(f"the archive lacks {member}")
        return file.read()

    def _json(self, member: str) -> Any:
        try:
            return json.loads(self._bytes(member))
        except ValueError as error:
            raise ClusterError(f"the archive's {member} is broken: {error}") from None


def _name_of(annotations: dict[str, str]) -> str:
    name = annotations.get("io.containerd.image.name") or annotations.get("org.opencontainers.image.ref.name", "")
    return _full(name) if "/" in name or ":" in name else ""


def _full(name: str) -> str:
    return str(parse_image_name(name))


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
