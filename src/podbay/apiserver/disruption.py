"""What disruption budgets say to an eviction: yes, not now, or only as the pod is.

Takes the stored budgets and a pod that is to go; books the disruption in the budget's status, or raises
TooManyRequests in upstream's words.
Invariant: a budget allows no more disruptions than its status says, however many ask at once, because each is booked
against the version that was looked at.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ ; upstream's eviction storage.
"""

from datetime import datetime
from typing import Any, Final

from podbay.api.disruption import covers, is_healthy, tell_allowed
from podbay.api.errors import Cause, Conflict, Forbidden, StatusError, Timeout, TooManyRequests
from podbay.api.resources import POD_DISRUPTION_BUDGETS
from podbay.apiserver.storage.entry import Entry
from podbay.apiserver.storage.objects import Objects
from podbay.wire.times import format_time

Object = dict[str, Any]
_TRIES: Final = 20
_MOST_DISRUPTED: Final = 2000
_VIOLATES: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL: Final = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


async def book_disruption(objects: Objects, pod: Object, now: datetime, *, dry_run: bool) -> str | None:
    """Book the disruption of a pod in its budget.

    Returns the budget's name if nothing was booked because the pod is unhealthy: it may go only as it is. Raises
    TooManyRequests, Forbidden, Timeout, StatusError.
    """
    stored = objects.in_namespace(POD_DISRUPTION_BUDGETS, pod["metadata"]["namespace"])
    found = [entry for entry in stored if covers(entry.object(), pod)]
    if len(found) > 1:
        raise StatusError(_SEVERAL)
    if not found:
        return None
    entry = found[0]
    if not is_healthy(pod) and _lets_unhealthy_go(entry.object()):
        return entry.name
    for _ in range(_TRIES):
        budget = _debited(entry, pod, now)
        if dry_run:
            return None
        try:
            await objects.update(POD_DISRUPTION_BUDGETS, entry, budget)
        except Conflict:
            entry = await objects.get(POD_DISRUPTION_BUDGETS, entry.namespace, entry.name)
        else:
            return None
    message = f'couldn\'t update PodDisruptionBudget "{entry.name}" due to conflicts'
    raise Timeout(message, details={"retryAfterSeconds": 10})


def still_processed(name: str) -> TooManyRequests:
    """Return the answer to an eviction that came before what it depends on was counted."""
    told = f"The disruption budget {name} is still being processed by the server."
    return TooManyRequests(_VIOLATES, details={"retryAfterSeconds": 10}, causes=[Cause("DisruptionBudget", told)])


def _lets_unhealthy_go(budget: Object) -> bool:
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= desired > 0)


def _debited(entry: Entry, pod: Object, now: datetime) -> Object:
    """Return a budget with one disruption less. Raises TooManyRequests, Forbidden."""
    budget = entry.object()
    status: Object = budget.setdefault("status", {})
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise still_processed(entry.name)
    disrupted = status.get("disruptedPods") or {}
    if len(disrupted) > _MOST_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise Forbidden(
            f'poddisruptionbudget.policy "{entry.name}" is forbidden: {why}',
            details={"name": entry.name, "group": "policy", "kind": "poddisruptionbudget"},
        )
    if not status.get("disruptionsAllowed"):
        desired, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        told = f"The disruption budget {entry.name} needs {desired} healthy pods and has {current} currently"
        raise TooManyRequests(_VIOLATES, causes=[Cause("DisruptionBudget", told)])
    status["disruptionsAllowed"] -= 1
    if not status["disruptionsAllowed"]:
        tell_allowed(status, format_time(now))
    status["disruptedPods"] = {**disrupted, pod["metadata"]["name"]: format_time(now)}
    return budget
