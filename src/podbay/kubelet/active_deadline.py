"""How long a pod may still be active on its node.

Takes the pod and moments of the clock that never jumps. The time runs from the pod's start on the node, which its
status tells, so a kubelet that starts again counts on; while it runs, setting the machine's clock makes no pod older.
Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#detailed-behavior
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.lib.moments import Moments
from podbay.wire.times import parse_time

_START: Final = "start of the pod"  # no container has such a name
DEADLINE_EXCEEDED: Final = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def active_left_s(pod: Mapping[str, Any], moments: Moments, now: float) -> float | None:
    """Return how many seconds are left, or None if there is no end to them."""
    most = pod["spec"].get("activeDeadlineSeconds")
    began = (pod.get("status") or {}).get("startTime")
    if most is None:
        return None
    if not began:
        return float(most)
    return moments.of(_START, parse_time(began).timestamp()) + float(most) - now
