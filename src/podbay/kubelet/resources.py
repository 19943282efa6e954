"""Requests and limits as cgroups have them.

Pure. Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.qos import qos_class
from podbay.api.quantity import Quantity
from podbay.cri.runtime import LinuxResources

_PERIOD_US: Final = 100_000
_LEAST_QUOTA_US: Final = 1000
_LEAST_SHARES: Final = 2
_MOST_SHARES: Final = 262_144
_GUARANTEED_SCORE: Final = -997
_BEST_EFFORT_SCORE: Final = 1000


def linux_resources(pod: Mapping[str, Any], container: Mapping[str, Any], memory_bytes: int) -> LinuxResources:
    """Return a container's limits. ``memory_bytes`` is the node's capacity."""
    resources = container.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    milli_limit = Quantity.parse(limits["cpu"]).milli if "cpu" in limits else 0
    asked = requests.get("cpu", limits.get("cpu"))
    milli_request = Quantity.parse(asked).milli if asked is not None else 0
    memory_limit = Quantity.parse(limits["memory"]).value if "memory" in limits else 0
    return LinuxResources(
        cpu_period_us=_PERIOD_US if milli_limit else 0,
        cpu_quota_us=max(_LEAST_QUOTA_US, milli_limit * _PERIOD_US // 1000) if milli_limit else 0,
        cpu_shares=min(_MOST_SHARES, max(_LEAST_SHARES, milli_request * 1024 // 1000)),
        memory_limit_bytes=memory_limit,
        oom_score_adj=oom_score_adj(pod, container, memory_bytes),
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
