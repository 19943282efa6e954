"""What was measured, as plain data: of the node, of each pod, of each container.

Pure. Made by ``reader``; taken by ``summary``, ``resource_metrics`` and the evictions. Moments (``at``) are seconds
since the epoch; None is what could not be measured.
Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupUsage:
    """What the processes of a cgroup use together. The working set is what the kernel could not easily reclaim."""

    at: float
    cpu_ns: int
    memory_bytes: int
    working_set_bytes: int
    rss_bytes: int
    page_faults: int
    major_page_faults: int
    limit_bytes: int | None = None
    nano_cores: int | None = None  # how much of processors was used lately; it needs two measurements


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage:
    """What files take together."""

    bytes: int = 0
    inodes: int = 0

    def __add__(self, other: "DiskUsage") -> "DiskUsage":
        return DiskUsage(bytes=self.bytes + other.bytes, inodes=self.inodes + other.inodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filesystem:
    """A file system as a whole."""

    available_bytes: int
    capacity_bytes: int
    used_bytes: int
    inodes_free: int
    inodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """The counters of one network interface."""

    name: str
    rx_bytes: int
    rx_errors: int
    tx_bytes: int
    tx_errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeUsage:
    """What a volume takes, and the file system that it is on."""

    used: DiskUsage
    filesystem: Filesystem


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDisks:
    """What a pod has on disks. ``logs`` are by container; ``other`` is what no container and no volume has."""

    at: float
    logs: Mapping[str, DiskUsage] = field(default_factory=dict)
    volumes: Mapping[str, VolumeUsage] = field(default_factory=dict)
    other: DiskUsage = DiskUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSample:
    """One container that runs. ``layer`` is what it wrote into its own file system."""

    name: str
    id: str
    started_at: str
    usage: CgroupUsage | None
    layer: DiskUsage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSample:
    """One pod with the object that it was measured for."""

    pod: Mapping[str, Any]
    usage: CgroupUsage | None
    processes: int = 0
    interfaces: Sequence[Interface] = ()
    containers: Sequence[ContainerSample] = ()
    disks: PodDisks | None = None

    @property
    def uid(self) -> str:
        """Return the pod's uid."""
        return str(self.pod["metadata"]["uid"])


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSample:
    """The node. ``pods`` is what all pods use together; the image file system is None while the runtime is silent."""

    name: str
    at: float
    started_at: str
    memory_bytes: int
    usage: CgroupUsage | None
    pods: CgroupUsage | None
    filesystem: Filesystem
    image_filesystem: Filesystem | None = None
    images: DiskUsage = DiskUsage()
    has_own_image_filesystem: bool = False
    interfaces: Sequence[Interface] = ()
    most_processes: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Everything at one moment."""

    at: float
    node: NodeSample
    pods: Sequence[PodSample] = ()
