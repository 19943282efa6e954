"""Priorities of pods: the classes that every cluster has, and the bounds of the others.

Pure data. Takes nothing; gives names and values to the rules of PriorityClass, to admission and to the server's start.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
"""

from typing import Any, Final

SYSTEM_PREFIX: Final = "system-"
HIGHEST_OF_USERS: Final = 1_000_000_000
DEFAULT_POLICY: Final = "PreemptLowerPriority"
POLICIES: Final = (DEFAULT_POLICY, "Never")
SYSTEM_VALUES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_ABOUT: Final = {
    "system-cluster-critical": "For pods that the cluster cannot be without; another node will do as well.",
    "system-node-critical": "For pods that their node cannot be without.",
}


def system_classes() -> list[dict[str, Any]]:
    """Return the classes that a server makes when it starts."""
    return [
        {
            "kind": "PriorityClass",
            "apiVersion": "scheduling.k8s.io/v1",
            "metadata": {"name": name},
            "value": value,
            "description": _ABOUT[name],
            "preemptionPolicy": DEFAULT_POLICY,
        }
        for name, value in SYSTEM_VALUES.items()
    ]
