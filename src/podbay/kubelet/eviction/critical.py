"""Which pods the cluster cannot do without. Pure. Source: upstream's IsCriticalPod."""

from collections.abc import Mapping
from typing import Any

from podbay.api.priority import SYSTEM_VALUES

Pod = Mapping[str, Any]


def is_critical(pod: Pod) -> bool:
    """Tell whether the cluster cannot do without a pod."""
    return int(pod["spec"].get("priority") or 0) >= SYSTEM_VALUES["system-cluster-critical"]
