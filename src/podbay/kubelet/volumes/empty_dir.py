"""emptyDir volumes: a directory of the pod's own, on disk, in memory or in huge pages.

Takes the place and what the pod says; makes it whole or not at all, once. Blocking.
Invariant: a directory that is there is never touched again: its owner, mode and content are the containers' business.
Source: https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.api import huge_pages
from podbay.api.pod_containers import is_sidecar, lasting_containers
from podbay.api.quantity import Quantity
from podbay.kubelet.volumes import mounting, ownership
from podbay.kubelet.volumes.problem import VolumeProblem

_MODE: Final = 0o777
_MEMORY_MODE: Final = 0o1777
_HUGE_PAGES: Final = "HugePages"
_OF_SIZE: Final = "HugePages-"


def set_up(path: Path, *, size_bytes: int | None, fs_group: int | None) -> None:
    """Make the directory; ``size_bytes`` None is on disk, else in memory and no larger. Raises OSError."""
    if size_bytes is not None:
        set_up_memory(path, size_bytes=size_bytes, fs_group=fs_group)
        return
    if path.exists():
        return
    partial = path.with_name(f".{path.name}")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    partial.chmod(_MODE)
    if fs_group is not None:
        ownership.give_to_group(partial, fs_group)
    partial.rename(path)


def set_up_memory(path: Path, *, size_bytes: int, fs_group: int | None) -> None:
    """Make the directory as a file system in memory. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(path):
        return
    mode = _MEMORY_MODE if fs_group is None else ownership.directory_mode(_MEMORY_MODE)
    mounting.mount_tmpfs(path, mode=mode, size_bytes=size_bytes, gid=fs_group)


def set_up_huge_pages(path: Path, *, page_bytes: int, fs_group: int | None) -> None:
    """Make the directory as a file system in huge pages of a size. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(path):
        return
    mounting.mount_huge_pages(path, page_bytes=page_bytes)
    if fs_group is not None:
        ownership.give_to_group(path, fs_group)


def page_bytes(pod: Mapping[str, Any], medium: str) -> int:
    """Return how large the pages of a directory are, 0 if its medium is another. Raises VolumeProblem. Pure.

    A medium that names no size means the one size of which the pod's containers have pages.
    """
    if medium in ("", "Memory"):
        return 0
    if medium != _HUGE_PAGES and not medium.startswith(_OF_SIZE):
        raise VolumeProblem(f'unknown storage medium "{medium}"')
    spec = pod["spec"]
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    requests = [(container.get("resources") or {}).get("requests") for container in containers]
    sizes = sorted({size for amounts in requests for size in huge_pages.amounts_of(amounts)})
    if medium == _HUGE_PAGES and len(sizes) > 1:
        raise VolumeProblem(f"medium: {medium} can't be used if container requests multiple huge page sizes")
    if medium != _HUGE_PAGES:
        try:
            wanted = Quantity.parse(medium.removeprefix(_OF_SIZE)).value
        except ValueError as error:
            raise VolumeProblem(str(error)) from None
        sizes = [size for size in sizes if size == wanted]
    if not sizes:
        why = "hugePages storage requested, but there is no resource request for huge pages"
        raise VolumeProblem(f"medium {medium}: {why}")
    return sizes[0]


def memory_size_bytes(pod: Mapping[str, Any], size_limit: object, allocatable: Mapping[str, str]) -> int:
    """Return how large a directory in memory may get: the least of its limit, the pod's and the node's. Pure."""
    bounds = [Quantity.parse(allocatable.get("memory", "0")).value, _pod_limit_bytes(pod)]
    if isinstance(size_limit, str | int):
        bounds.append(Quantity.parse(size_limit).value)
    return min((bound for bound in bounds if bound > 0), default=0)


def _pod_limit_bytes(pod: Mapping[str, Any]) -> int:
    """Return the memory that a pod's containers can use at once, 0 if one of them has no limit."""
    spec = pod["spec"]
    limits = [_limit_bytes(container) for container in lasting_containers(spec)]
    init = [_limit_bytes(c) for c in spec.get("initContainers") or () if not is_sidecar(c)]
    return 0 if 0 in (*limits, *init) else max(sum(limits), *init, 0)


def _limit_bytes(container: Mapping[str, Any]) -> int:
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return 0 if limit is None else Quantity.parse(limit).value
