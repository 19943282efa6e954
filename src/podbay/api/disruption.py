"""Disruption budgets: which pods they cover, and what their status says of whether one more of them may go.

Pure. Shared by the API server, which answers evictions, by the disruption controller, which counts, and by the
scheduler, which chooses victims.
Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from podbay.api.selectors import LabelSelector

Object = dict[str, Any]
SYNC_FAILED: Final = "SyncFailed"
_ALLOWED: Final = "DisruptionAllowed"


def covers(budget: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Tell whether a budget is about a pod; one without a selector is about none."""
    if budget["metadata"]["namespace"] != pod["metadata"]["namespace"]:
        return False
    return selector_of(budget).matches(pod["metadata"].get("labels"))


def covered(budget: Mapping[str, Any], pods: Iterable[Object]) -> list[Object]:
    """Return the pods that a budget is about."""
    namespace, selector = budget["metadata"]["namespace"], selector_of(budget)
    mine = (pod for pod in pods if pod["metadata"]["namespace"] == namespace)
    return [pod for pod in mine if selector.matches(pod["metadata"].get("labels"))]


def selector_of(budget: Mapping[str, Any]) -> LabelSelector:
    """Return which labels a budget's pods have."""
    return LabelSelector.of_object((budget.get("spec") or {}).get("selector"))


def is_healthy(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod counts as healthy: it is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any((one.get("type"), one.get("status")) == ("Ready", "True") for one in conditions)


def tell_allowed(status: Object, now: str) -> None:
    """Put into a status the condition that says whether it allows a disruption."""
    is_allowed = status["disruptionsAllowed"] > 0
    put_condition(status, "SufficientPods" if is_allowed else "InsufficientPods", "", now, is_allowed=is_allowed)


def is_told(status: Mapping[str, Any]) -> bool:
    """Tell whether the condition of a status says what its number does."""
    condition: Mapping[str, Any] = next(iter(_conditions(status)), {})
    wanted = ("True", "SufficientPods") if status["disruptionsAllowed"] > 0 else ("False", "InsufficientPods")
    return (condition.get("status"), condition.get("reason")) == wanted


def put_condition(status: Object, reason: str, message: str, now: str, *, is_allowed: bool) -> None:
    """Put a condition into a status; its time is when it last changed sides."""
    value = "True" if is_allowed else "False"
    old: Mapping[str, Any] = next(iter(_conditions(status)), {})
    condition: Object = {
        "type": _ALLOWED,
        "status": value,
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == value else now,
        "reason": reason,
        "message": message,
    }
    if status.get("observedGeneration"):
        condition["observedGeneration"] = status["observedGeneration"]
    others = [one for one in status.get("conditions") or () if one["type"] != _ALLOWED]
    status["conditions"] = [*others, condition]


def _conditions(status: Mapping[str, Any]) -> list[Object]:
    return [one for one in status.get("conditions") or () if one["type"] == _ALLOWED]
