"""Defaults of priority classes.

Takes a priority class; changes it in place. Source:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/priority-class-v1/
"""

from typing import Any

from podbay.api.priority import DEFAULT_POLICY


def default_priority_class(obj: dict[str, Any]) -> None:
    """Fill in every default of a priority class."""
    if obj.get("preemptionPolicy") is None:
        obj["preemptionPolicy"] = DEFAULT_POLICY
