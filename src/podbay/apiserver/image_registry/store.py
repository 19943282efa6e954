"""The files of the image registry: blobs by digest, tags as small files that name a manifest, uploads under way.

Takes bytes and names that were checked; gives files. What no tag reaches any more is removed, unless somebody is just
pushing something that may need it.
Invariant: a blob is complete and on the disk before it has its name; a tag names a manifest that is there; a kill in
the middle leaves only what the next start removes.
"""

import contextlib
import hashlib
import os
import re
import uuid
from pathlib import Path
from typing import Any, Final

from podbay.lib.clock import Clock
from podbay.wire import json

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PINNED_S: Final = 3600.0  # how long a push may take from a blob to the tag that reaches it
_SLASH: Final = "\x1f"


class RegistryFiles:
    """See the module. Names of hosts, repositories and tags were checked by the caller."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._clock = clock
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._tags = root / "tags"
        self._pins: dict[str, float] = {}
        for directory in (self._blobs, self._uploads, self._tags):
            directory.mkdir(parents=True, exist_ok=True)
        for left in (*self._uploads.iterdir(), *self._blobs.glob("+*"), *self._tags.glob("*/*/+*")):
            left.unlink()  # a push that was cut off is begun anew
        self.collect()

    def blob(self, digest: str) -> Path:
        """Return the file of a blob, which need not be there."""
        return self._blobs / digest.removeprefix("sha256:")

    def pin(self, digest: str) -> None:
        """Keep a blob, also while no tag reaches it: somebody is pushing what will need it."""
        self._pins[digest] = self._clock.monotonic() + _PINNED_S

    def begin_upload(self) -> str:
        """Begin an upload and return its name."""
        name = str(uuid.uuid4())
        (self._uploads / name).touch()
        return name

    def upload(self, name: str) -> Path | None:
        """Return the file of an upload, or None if there is none."""
        path = self._uploads / name
        return path if path.exists() else None

    def finish_upload(self, path: Path, digest: str) -> bool:
        """Make an upload a blob, if it has that digest; else drop it. Blocking."""
        with path.open("rb+") as file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found != digest:
            path.unlink()
            return False
        self.pin(digest)
        path.replace(self.blob(digest))
        return True

    def write_manifest(self, data: bytes) -> str:
        """Store a manifest and return its digest. Blocking."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.pin(digest)
        _write(self.blob(digest), data)
        return digest

    def tag(self, host: str, name: str, tag: str) -> str | None:
        """Return the digest that a tag names, or None."""
        try:
            return (self._repository(host, name) / tag).read_text().strip()
        except OSError:
            return None

    def tags(self, host: str, name: str) -> list[str]:
        """Return the tags of a repository."""
        directory = self._repository(host, name)
        return sorted(entry.name for entry in directory.glob("[!+]*")) if directory.is_dir() else []

    def set_tag(self, host: str, name: str, tag: str, digest: str) -> None:
        """Let a tag name a manifest that is there. Blocking."""
        _write(self._repository(host, name) / tag, digest.encode())
        for reached in self._reached(digest):
            self._pins.pop(reached, None)
        self.collect()

    def remove_tags(self, host: str, name: str, tags: list[str]) -> None:
        """Remove tags, and what nothing reaches any more."""
        directory = self._repository(host, name)
        for tag in tags:
            (directory / tag).unlink(missing_ok=True)
        for empty in (directory, directory.parent):
            with contextlib.suppress(OSError):
                empty.rmdir()
        self.collect()

    def catalog(self) -> list[dict[str, Any]]:
        """Return every tagged image: name with its registry, tag, digest, size in bytes."""
        found = []
        for path in sorted(self._tags.glob("*/*/[!+]*")):
            digest = path.read_text().strip()
            name = f"{path.parent.parent.name}/{path.parent.name.replace(_SLASH, '/')}"
            sizes = (self.blob(part) for part in self._reached(digest))
            size = sum(part.stat().st_size for part in sizes if part.exists())
            found.append({"name": name, "tag": path.name, "digest": digest, "size": size})
        return found

    def collect(self) -> None:
        """Remove blobs that no tag reaches and no push needs."""
        now = self._clock.monotonic()
        self._pins = {digest: until for digest, until in self._pins.items() if until > now}
        kept = set(self._pins)
        for path in self._tags.glob("*/*/[!+]*"):
            kept |= self._reached(path.read_text().strip())
        for blob in self._blobs.iterdir():
            if f"sha256:{blob.name}" not in kept and not blob.name.startswith("+"):
                blob.unlink()

    def _repository(self, host: str, name: str) -> Path:
        return self._tags / host / name.replace("/", _SLASH)

    def _reached(self, digest: str) -> set[str]:
        """Return the digests of a manifest and of all that it names."""
        found = {digest}
        try:
            manifest = json.decode(self.blob(digest).read_bytes())
        except (OSError, ValueError):
            return found
        for part in parts_of(manifest):
            found.add(part)
        for child in manifest.get("manifests") or ():
            if child["digest"] != digest:
                found |= self._reached(child["digest"])
        return found


def parts_of(manifest: Any) -> list[str]:
    """Return the digests that a manifest or an index names. Raises ValueError if it is neither."""
    if not isinstance(manifest, dict):
        raise ValueError("it is no object")
    listed = [manifest.get("layers") or [], manifest.get("manifests") or []]
    if not all(isinstance(parts, list) for parts in listed):
        raise ValueError("its layers or manifests are no list")
    parts = [*([manifest["config"]] if manifest.get("config") else []), *listed[0], *listed[1]]
    found = []
    for part in parts:
        digest = part.get("digest") if isinstance(part, dict) else None
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise ValueError("a part of it has no sha256 digest")
        found.append(digest)
    if not found:
        raise ValueError("it names neither a config nor manifests")
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"+{uuid.uuid4().hex}")  # no tag and no digest looks like this
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
