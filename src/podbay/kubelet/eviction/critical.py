"""Which pods the cluster cannot do without. Pure. Source: upstream's IsCriticalPod."""

from collections.abc import Mapping
from typing import Any, Final

Pod = Mapping[str, Any]
_CRITICAL: Final = 2_000_000_000  # the priority of system-cluster-critical, and above


def is_critical(pod: Pod) -> bool:
    """Tell whether the cluster cannot do without a pod."""
    return int(pod["spec"].get("priority") or 0) >= _CRITICAL
