"""Builds small images from files: a layer, a configuration, a manifest, an archive that every tool can load.

Takes a tree of files in memory or on disk; gives an OCI archive. The same input gives the same bytes.
Source: https://github.com/opencontainers/image-spec
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecipe:
    """What goes into an image. ``files``: path -> bytes; ``links``: path -> target."""

    name: str
    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    directories: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Sequence[str] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    ports: Sequence[str] = ()
    architecture: str = "amd64"


def build(recipe: ImageRecipe, target: Path) -> None:
    """Write an OCI archive."""
    layer = _layer(recipe)
    config = _json(
        {
            "architecture": recipe.architecture,
            "os": "linux",
            "config": {
                "Env": list(recipe.environment),
                "Entrypoint": list(recipe.entrypoint),
                "Cmd": list(recipe.command),
                "ExposedPorts": {port: {} for port in recipe.ports},
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        }
    )
    tag = recipe.name.rpartition(":")[2]
    annotations = {"io.containerd.image.name": recipe.name, "org.opencontainers.image.ref.name": tag}
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{**_descriptor(MANIFEST, manifest), "annotations": annotations}],
        }
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    with tarfile.open(partial, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for blob in (layer, config, manifest):
            _add(archive, f"blobs/sha256/{_digest(blob).partition(':')[2]}", blob)
    partial.replace(target)


def _layer(recipe: ImageRecipe) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        parents = {str(p) for path in (*recipe.files, *recipe.links) for p in Path(path).parents if str(p) != "."}
        for directory in sorted(parents | set(recipe.directories)):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(entry)
        for path, data in sorted(recipe.files.items()):
            entry = tarfile.TarInfo(path)
            executable = data.startswith((b"\x7fELF", b"#!"))
            entry.size, entry.mode = len(data), 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(data))
        for path, link in sorted(recipe.links.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, link, 0o777
            tar.addfile(entry)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _descriptor(media: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
