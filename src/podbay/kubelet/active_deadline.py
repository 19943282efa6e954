"""How long a pod may still be active on its node.

Pure. Takes the pod and the time in seconds since the epoch. The time runs from the pod's start on the node, which its
status tells, so a kubelet that starts again counts on.
Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.wire.times import parse_time

DEADLINE_EXCEEDED: Final = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def active_left_s(pod: Mapping[str, Any], now: float) -> float | None:
    """Return how many seconds are left, or None if there is no end to them."""
    most = pod["spec"].get("activeDeadlineSeconds")
    began = (pod.get("status") or {}).get("startTime")
    if most is None:
        return None
    if not began:
        return float(most)
    return parse_time(began).timestamp() + float(most) - now
