"""A pod's quality of service class, from its containers' requests and limits.

Pure. Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
"""

from collections.abc import Mapping
from typing import Any

from podbay.api.quantity import Quantity

_COUNTED = ("cpu", "memory")


def qos_class(pod: Mapping[str, Any]) -> str:
    """Return ``Guaranteed``, ``Burstable`` or ``BestEffort``."""
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requested = limited = False
    guaranteed = bool(containers)
    for container in containers:
        resources = container.get("resources") or {}
        requests, limits = _counted(resources.get("requests")), _counted(resources.get("limits"))
        requested = requested or bool(requests)
        limited = limited or bool(limits)
        if set(limits) != set(_COUNTED) or any(requests.get(name, limits[name]) != limits[name] for name in limits):
            guaranteed = False
    if not requested and not limited:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _counted(resources: Mapping[str, Any] | None) -> dict[str, Quantity]:
    found = {name: Quantity.parse(value) for name, value in (resources or {}).items() if name in _COUNTED}
    return {name: amount for name, amount in found.items() if amount}
