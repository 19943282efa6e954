"""Requests and limits as cgroups have them.

Pure. Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from podbay.api import huge_pages
from podbay.api.pod_containers import each_container
from podbay.api.pod_resources import pod_amounts, with_overhead
from podbay.api.qos import qos_class
from podbay.api.quantity import Quantity
from podbay.cri.runtime import LinuxResources

_PERIOD_US: Final = 100_000
_LEAST_QUOTA_US: Final = 1000
_LEAST_SHARES: Final = 2
_MOST_SHARES: Final = 262_144
_GUARANTEED_SCORE: Final = -997
_BEST_EFFORT_SCORE: Final = 1000


def linux_resources(
    pod: Mapping[str, Any], container: Mapping[str, Any], memory_bytes: int, page_sizes: Collection[int]
) -> LinuxResources:
    """Return a container's limits. The node has ``memory_bytes``, and huge pages of ``page_sizes``."""
    limits = _as_cgroup(_amounts(container), oom_score_adj=oom_score_adj(pod, container, memory_bytes))
    asked = huge_pages.amounts_of((container.get("resources") or {}).get("limits"))
    return replace(limits, huge_pages=huge_pages.limits(asked, page_sizes))


def pod_resources(pod: Mapping[str, Any], page_sizes: Collection[int]) -> LinuxResources:
    """Return what a pod may have: a limit only if every container has one. Its overhead comes on top.

    Of huge pages, of which the node has ``page_sizes``, it may have what its containers have, which is never overdrawn.
    """
    spec = pod["spec"]
    together = pod_amounts(spec, lambda container: asdict(_amounts(container)))
    every = [_amounts(container) for kind, container in each_container(spec) if kind != "ephemeralContainers"]
    if not all(asked.milli_cpu_limit for asked in every):
        together["milli_cpu_limit"] = 0
    if not all(asked.memory_limit_bytes for asked in every):
        together["memory_limit_bytes"] = 0
    overhead = spec.get("overhead") or {}
    milli, memory = Quantity.parse(overhead.get("cpu", "0")).milli, Quantity.parse(overhead.get("memory", "0")).value
    together["milli_cpu"] += milli
    together["milli_cpu_limit"] += milli if together["milli_cpu_limit"] else 0
    together["memory_limit_bytes"] += memory if together["memory_limit_bytes"] else 0
    pages = with_overhead(spec, pod_amounts(spec, _pages), lambda _, text: Quantity.parse(text).value)
    asked = huge_pages.amounts_of({name: str(amount) for name, amount in pages.items()})
    return replace(_as_cgroup(_Amounts(**together)), huge_pages=huge_pages.limits(asked, page_sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """What was asked for; 0 is no limit."""

    milli_cpu: int
    milli_cpu_limit: int
    memory_limit_bytes: int


def _amounts(container: Mapping[str, Any]) -> _Amounts:
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return _Amounts(
        milli_cpu=Quantity.parse(requests.get("cpu", limits.get("cpu", "0"))).milli,
        milli_cpu_limit=Quantity.parse(limits.get("cpu", "0")).milli,
        memory_limit_bytes=Quantity.parse(limits.get("memory", "0")).value,
    )


def _pages(container: Mapping[str, Any]) -> dict[str, int]:
    requests = (container.get("resources") or {}).get("requests") or {}
    return {name: Quantity.parse(v).value for name, v in requests.items() if name.startswith(huge_pages.PREFIX)}


def _as_cgroup(asked: _Amounts, *, oom_score_adj: int = 0) -> LinuxResources:
    limit = asked.milli_cpu_limit
    return LinuxResources(
        cpu_period_us=_PERIOD_US if limit else 0,
        cpu_quota_us=max(_LEAST_QUOTA_US, limit * _PERIOD_US // 1000) if limit else 0,
        cpu_shares=min(_MOST_SHARES, max(_LEAST_SHARES, asked.milli_cpu * 1024 // 1000)),
        memory_limit_bytes=asked.memory_limit_bytes,
        oom_score_adj=oom_score_adj,
    )


def oom_score_adj(pod: Mapping[str, Any], container: Mapping[str, Any], memory_bytes: int) -> int:
    """Return how readily the kernel kills a container, from its pod's QoS class and memory request."""
    quality = qos_class(pod)
    if quality == "Guaranteed":
        return _GUARANTEED_SCORE
    if quality == "BestEffort" or memory_bytes <= 0:
        return _BEST_EFFORT_SCORE
    request = ((container.get("resources") or {}).get("requests") or {}).get("memory")
    asked = Quantity.parse(request).value if request is not None else 0
    score = 1000 - 1000 * asked // memory_bytes
    return int(min(999, max(3, score)))
