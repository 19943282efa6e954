"""``podbay image``: import archives, pull, list, remove.

Takes a cluster and names or files. ``import`` pushes to the cluster's registry, and every node pulls at once, so that
all pull policies hold, also offline.
"""

import asyncio
import contextlib
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from podbay.api.images import parse_image_name
from podbay.cri.client import CriRuntime
from podbay.cri.runtime import RuntimeFailure
from podbay.lib.clock import RealClock
from podbay.standalone.admin import Admin
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError
from podbay.standalone.images.archive import Archive, ArchivedImage, Blob

Say = Callable[[str], None]
_CHUNK_BYTES: Final = 2 * 1024 * 1024


def import_archive(cluster: Cluster, source: str, *, say: Say) -> None:
    """Import an archive (``-``: standard input; a pipe will do as well). Raises ClusterError, OSError."""
    path = Path(source)
    if source != "-" and not path.is_fifo():
        _import(cluster, path, say=say)
        return
    with contextlib.ExitStack() as stack:
        stream = sys.stdin.buffer if source == "-" else stack.enter_context(path.open("rb"))
        copy = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".tar"))  # an archive is read to and fro
        shutil.copyfileobj(stream, copy)
        copy.flush()
        _import(cluster, Path(copy.name), say=say)


def pull(cluster: Cluster, names: Iterable[str], *, say: Say) -> None:
    """Have every node pull images. Raises ClusterError."""
    for name in names:
        full = str(parse_image_name(name))
        _pull_everywhere(cluster, full)
        say(f"pulled {full}")


def list_images(cluster: Cluster, *, say: Say) -> None:
    """Print what the cluster's registry has."""
    admin = _connected(cluster)
    rows = [("IMAGE", "TAG", "DIGEST", "SIZE")]
    for image in _catalog(admin):
        rows.append((image["name"], image["tag"], image["digest"][7:19], _size(image["size"])))
    admin.close()
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        say("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def remove(cluster: Cluster, names: Iterable[str], *, say: Say) -> None:
    """Remove images from the registry and from every node. Raises ClusterError.

    A runtime removes an image with all its names, so the other names that the registry has of it are pulled again.
    """
    admin = _connected(cluster)
    for name in names:
        full = parse_image_name(name)
        digests = {f"{image['name']}:{image['tag']}": image["digest"] for image in _catalog(admin)}
        host, _, repository = full.repository.partition("/")
        path = f"/v2/{repository}/manifests/{quote(_reference(str(full)))}?ns={quote(host)}"
        status, _, body = admin.send("DELETE", path)
        if status == 404:
            raise ClusterError(f"there is no image {full}: `podbay image list{cluster.flag}` tells what there is")
        _expect((status, {}, body), 202, str(full))
        _remove_everywhere(cluster, str(full))
        removed = digests.pop(str(full), "")
        for other in [other for other, digest in digests.items() if digest == removed]:
            _pull_everywhere(cluster, other)
        say(f"removed {full}")
    admin.close()


def _import(cluster: Cluster, path: Path, *, say: Say) -> None:
    with Archive(path) as archive:
        images = archive.images()
        admin = _connected(cluster)
        for image in images:
            _push(admin, archive, image)
            _pull_everywhere(cluster, image.name)
            say(f"imported {image.name}")
        admin.close()


def _catalog(admin: Admin) -> list[dict[str, Any]]:
    """Return what the registry has: name, tag, digest and size of each image."""
    images: list[dict[str, Any]] = admin.get("/v2/_catalog")["repositories"]
    return images


def _connected(cluster: Cluster) -> Admin:
    """Return a connection. Raises ClusterError that says how to start what does not run."""
    admin = Admin(cluster)
    if not admin.is_ready():
        raise ClusterError(f"cluster {cluster.name} does not answer: start it with `podbay up{cluster.flag}`")
    return admin


def _push(admin: Admin, archive: Archive, image: ArchivedImage) -> None:
    full = parse_image_name(image.name)
    host, _, repository = full.repository.partition("/")
    for blob in image.blobs:
        _push_blob(admin, archive, repository, blob)
    for position, manifest in enumerate(image.manifests):
        last = position == len(image.manifests) - 1
        reference = _reference(image.name) if last else _digest_of(manifest)
        path = f"/v2/{repository}/manifests/{quote(reference)}?ns={quote(host)}"
        _expect(admin.send("PUT", path, manifest), 201, image.name)


def _push_blob(admin: Admin, archive: Archive, repository: str, blob: Blob) -> None:
    if admin.send("HEAD", f"/v2/{repository}/blobs/{blob.digest}")[0] == 200:
        return
    _, headers, _ = _expect(admin.send("POST", f"/v2/{repository}/blobs/uploads/"), 202, repository)
    location = headers["location"]
    source = archive.read(blob)
    if isinstance(source, bytes):
        _expect(admin.send("PATCH", location, source), 202, repository)
    else:
        with source:
            while chunk := source.read(_CHUNK_BYTES):
                _expect(admin.send("PATCH", location, chunk), 202, repository)
    _expect(admin.send("PUT", f"{location}?digest={quote(blob.digest)}"), 201, repository)


def _pull_everywhere(cluster: Cluster, name: str) -> None:
    asyncio.run(_on_nodes(cluster, lambda runtime: runtime.pull_image(name)))


def _remove_everywhere(cluster: Cluster, name: str) -> None:
    asyncio.run(_on_nodes(cluster, lambda runtime: runtime.remove_image(name)))


async def _on_nodes(cluster: Cluster, act: Callable[[CriRuntime], Awaitable[object]]) -> None:
    settings = cluster.settings()

    async def one(index: int) -> None:
        runtime = CriRuntime(settings.runtime_endpoint or str(cluster.node(index).socket), RealClock())
        try:
            await act(runtime)
        except RuntimeFailure as error:
            hint = ""
            if settings.runtime_endpoint:
                registry = cluster.node(index).state / "registry.d"
                hint = (
                    f"; for the cluster's registry, set config_path = \"{registry}\" of the CRI plugin's registry there"
                )
            raise ClusterError(f"node {cluster.node(index).name}: {error.message}{hint}") from None
        finally:
            await runtime.close()

    await asyncio.gather(*(one(index) for index in range(1, settings.nodes + 1)))


def _expect(answer: tuple[int, dict[str, str], bytes], status: int, what: str) -> tuple[int, dict[str, str], bytes]:
    if answer[0] != status:
        raise ClusterError(f"{what}: the registry answered {answer[0]}: {answer[2].decode(errors='replace')[:300]}")
    return answer


def _reference(name: str) -> str:
    _, at, digest = name.partition("@")
    return digest if at else name.rpartition(":")[2]


def _digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _size(size_bytes: int) -> str:
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f}{unit}"
        amount /= 1000
    return f"{amount:.1f}GB"
