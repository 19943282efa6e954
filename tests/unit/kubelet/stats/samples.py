"""Samples for tests: what matters is told, the rest is something."""

from typing import Any

from podbay.kubelet.stats.samples import (
    CgroupUsage,
    ContainerSample,
    DiskUsage,
    Filesystem,
    NodeSample,
    PodSample,
    Sample,
)

AT = 1_767_225_600.0
STARTED = "2026-01-01T00:00:00Z"
DISK = Filesystem(
    available_bytes=60 << 30, capacity_bytes=100 << 30, used_bytes=40 << 30, inodes_free=900_000, inodes=1_000_000
)


def usage(
    *, at: float = AT, cpu_ns: int = 0, memory: int = 0, limit: int | None = None, rate: int | None = None
) -> CgroupUsage:
    return CgroupUsage(
        at=at,
        cpu_ns=cpu_ns,
        memory_bytes=memory,
        working_set_bytes=memory,
        rss_bytes=memory,
        page_faults=0,
        major_page_faults=0,
        limit_bytes=limit,
        nano_cores=rate,
    )


def node(**changes: Any) -> NodeSample:
    values: dict[str, Any] = {
        "name": "n1",
        "at": AT,
        "started_at": STARTED,
        "memory_bytes": 8 << 30,
        "usage": usage(memory=2 << 30),
        "pods": usage(memory=1 << 30),
        "filesystem": DISK,
        "image_filesystem": DISK,
        "most_processes": 32768,
        "processes": 100,
    }
    return NodeSample(**{**values, **changes})


def container(name: str = "c", *, memory: int = 0, layer: int = 0, rate: int | None = 1) -> ContainerSample:
    used = usage(memory=memory, rate=rate)
    layer_usage = DiskUsage(bytes=layer, inodes=1)
    return ContainerSample(name=name, id=f"id-{name}", started_at=STARTED, usage=used, layer=layer_usage)


def manifest(name: str = "p", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c"}], **spec}, "status": {"startTime": STARTED}}


def sampled(pod: dict[str, Any], *containers: ContainerSample, **changes: Any) -> PodSample:
    total = usage(memory=sum(each.usage.working_set_bytes for each in containers if each.usage is not None))
    return PodSample(**{"pod": pod, "usage": total, "containers": containers, **changes})


def sample(*pods: PodSample, **changes: Any) -> Sample:
    return Sample(at=AT, node=node(**changes), pods=pods)
