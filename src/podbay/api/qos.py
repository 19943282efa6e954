"""The quality-of-service class of a pod, which its resources decide.

Takes a defaulted pod; gives one word to the API server (status.qosClass), the scheduler and the kubelet (cgroups).
Invariant: only cpu and memory count, and an amount of zero counts as not given.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.quantity import Quantity

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"
_COUNTED: Final = ("cpu", "memory")


def qos_class(pod: Mapping[str, Any]) -> str:
    """Return Guaranteed, Burstable or BestEffort."""
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    guaranteed, any_amount = bool(containers), False
    for container in containers:
        resources = container.get("resources") or {}
        requests, limits = _amounts(resources.get("requests")), _amounts(resources.get("limits"))
        any_amount = any_amount or bool(requests or limits)
        guaranteed = guaranteed and len(limits) == len(_COUNTED) and (not requests or requests == limits)
    if not any_amount:
        return BEST_EFFORT
    return GUARANTEED if guaranteed else BURSTABLE


def _amounts(resources: Mapping[str, Any] | None) -> dict[str, Quantity]:
    given = {name: Quantity.parse(amount) for name, amount in (resources or {}).items() if name in _COUNTED}
    return {name: amount for name, amount in given.items() if amount}
