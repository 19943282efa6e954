"""Measures the node, its pods and their containers.

Takes pods with their containers' ids, as their statuses tell them, and what the runtime says of disks; gives a
``Sample``. Blocking: call it in a thread. What pods have on disks is looked at only if that is asked for, and a tree
that takes long to walk is walked rarely.
Invariant: nothing is asked of the container runtime for processors and memory, so that a busy or silent runtime hides
nobody.
Source: upstream's stats provider (pkg/kubelet/stats).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from podbay.cri.runtime import ImageFilesystem
from podbay.kubelet import sandboxes
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.stats import cgroup_usage, disk_usage, kernel
from podbay.kubelet.stats.rates import Rates
from podbay.kubelet.stats.samples import (
    ContainerSample,
    DiskUsage,
    Filesystem,
    NodeSample,
    PodDisks,
    PodSample,
    Sample,
    VolumeUsage,
)
from podbay.wire.times import format_nano_time

Object = Mapping[str, Any]
_ELSEWHERE: Final = ("hostPath", "persistentVolumeClaim", "ephemeral", "image")  # volumes that are not the pod's alone
_STATUSES: Final = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_DISKS_S: Final = 9.0
_WALKS: Final = 50  # of the time, at most one part in so many goes into walking a pod's directories


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeDisks:
    """What the container runtime says of disks: containers' own layers by id, and its images.

    ``layers`` None leaves what pods have on disks as it was found last.
    """

    layers: Mapping[str, DiskUsage] | None
    images: ImageFilesystem | None


class Reader(Protocol):
    """What measures a node."""

    def read(self, pods: Sequence[Object], disks: RuntimeDisks | None) -> Sample:
        """Measure; ``disks`` None leaves everything on disks as it was found last. Raises OSError. Blocking."""


class NodeReader:
    """See the module. ``volume_path`` tells where a pod's volume is."""

    def __init__(
        self,
        config: KubeletConfig,
        memory_bytes: int,
        volume_path: Callable[[str, Object], Path],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._memory_bytes = memory_bytes
        self._volume_path = volume_path
        self._now = now
        self._rates = Rates()
        self._disks: dict[str, PodDisks] = {}
        self._due: dict[str, float] = {}
        self._layers: Mapping[str, DiskUsage] = {}
        self._images: ImageFilesystem | None = None
        self._started_at = format_nano_time(int(kernel.boot_time() * 1e9))

    def read(self, pods: Sequence[Object], disks: RuntimeDisks | None) -> Sample:
        """Measure. Raises OSError. Blocking."""
        look = disks is not None and disks.layers is not None
        if disks is not None:
            self._images = disks.images
            self._layers = self._layers if disks.layers is None else disks.layers
        uids = {pod["metadata"]["uid"] for pod in pods}
        self._disks = {uid: found for uid, found in self._disks.items() if uid in uids}
        self._due = {uid: due for uid, due in self._due.items() if uid in uids}
        at = self._now()
        paths = {"/", self._config.cgroup_parent}
        samples = [self._pod(pod, paths, look=look) for pod in pods]
        self._rates.keep(paths)
        return Sample(at=at, node=self._node(at), pods=samples)

    def _node(self, at: float) -> NodeSample:
        config, images = self._config, self._images
        filesystem, has_own = self._image_filesystem(images)
        return NodeSample(
            name=config.node_name,
            at=at,
            started_at=self._started_at,
            memory_bytes=self._memory_bytes,
            usage=self._rates.rated("/", cgroup_usage.usage("/", at=at)),
            pods=self._rates.rated(config.cgroup_parent, cgroup_usage.usage(config.cgroup_parent, at=at)),
            filesystem=disk_usage.filesystem(config.root),
            image_filesystem=filesystem,
            images=DiskUsage(bytes=images.used_bytes, inodes=images.used_inodes) if images else DiskUsage(),
            has_own_image_filesystem=has_own,
            interfaces=kernel.interfaces_of(),
            most_processes=kernel.most_processes(),
            processes=kernel.process_count(),
        )

    def _image_filesystem(self, images: ImageFilesystem | None) -> tuple[Filesystem | None, bool]:
        """Return the file system of images, and whether it is another one than the kubelet's."""
        if images is None:
            return None, False
        path = Path(images.path)
        try:
            return disk_usage.filesystem(path), not disk_usage.is_same_filesystem(self._config.root, path)
        except OSError:
            return None, False  # a runtime that was there already may name a path that is only its own

    def _pod(self, pod: Object, paths: set[str], *, look: bool) -> PodSample:
        uid = pod["metadata"]["uid"]
        cgroup = sandboxes.cgroup_of(self._config, uid)
        paths.add(cgroup)
        containers, process = [], None
        for name, container_id, started_at in running_containers(pod):
            path = f"{cgroup}/{container_id}"
            paths.add(path)
            process = process or cgroup_usage.first_process(path)
            containers.append(
                ContainerSample(
                    name=name,
                    id=container_id,
                    started_at=started_at,
                    usage=self._rates.rated(path, cgroup_usage.usage(path, at=self._now())),
                    layer=self._layers.get(container_id),
                )
            )
        if look and self._due.get(uid, 0.0) <= self._now():
            began = self._now()
            self._disks[uid] = self._look(pod)
            self._due[uid] = began + max(_DISKS_S, (self._now() - began) * _WALKS)
        of_host = bool(pod["spec"].get("hostNetwork"))
        return PodSample(
            pod=pod,
            usage=self._rates.rated(cgroup, cgroup_usage.usage(cgroup, at=self._now())),
            processes=cgroup_usage.process_count(cgroup),
            interfaces=kernel.interfaces_of(process) if process is not None and not of_host else (),
            containers=containers,
            disks=self._disks.get(uid),
        )

    def _look(self, pod: Object) -> PodDisks:
        """Walk what a pod has on disks."""
        uid, volumes = pod["metadata"]["uid"], {}
        for volume in pod["spec"].get("volumes") or ():
            if any(volume.get(kind) is not None for kind in _ELSEWHERE):
                continue
            path = self._volume_path(uid, volume)
            try:
                volumes[volume["name"]] = VolumeUsage(
                    used=disk_usage.tree(path), filesystem=disk_usage.filesystem(path)
                )
            except OSError:
                continue  # it is not set up yet
        directory = sandboxes.log_directory(self._config.log_root, pod)
        names = [name for name, _, _ in running_containers(pod)]
        logs = {name: disk_usage.tree(directory / name) for name in names}
        hosts = disk_usage.tree(self._config.root / "pods" / uid / "etc-hosts")
        return PodDisks(at=self._now(), logs=logs, volumes=volumes, other=hosts)


def running_containers(pod: Object) -> list[tuple[str, str, str]]:
    """Return name, id and start of the containers that a pod's status says are running."""
    status = pod.get("status") or {}
    found = []
    for kind in _STATUSES:
        for each in status.get(kind) or ():
            running = (each.get("state") or {}).get("running")
            container_id = (each.get("containerID") or "").partition("://")[2]
            if running is not None and container_id:
                found.append((each["name"], container_id, running.get("startedAt") or ""))
    return found
