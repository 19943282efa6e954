"""The disruption controller: counts the pods of every disruption budget, and says how many of them may go.

Takes budgets and pods from informers; writes the budgets' status and tells events.
Invariant: what could not be counted allows no disruption; a pod whose eviction was granted does not count as healthy,
until it is being deleted or two minutes have passed.
Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/ ; upstream's disruption controller.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.api.disruption import SYNC_FAILED, covered, covers, is_healthy, is_told, put_condition, tell_allowed
from podbay.api.resources import POD_DISRUPTION_BUDGETS, PODS, find_kind
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_time, parse_time

DELETION_S: Final = 120.0
_UNMANAGED: Final = (
    "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of"
    " the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please"
    ' set ".spec.minAvailable" field of the PDB to an integer value.'
)


class NoScale(Exception):
    """Nobody can say how many pods a pod's controller wants."""


class DisruptionController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._budgets = Informer(rest, POD_DISRUPTION_BUDGETS, clock, activity)
        self._pods = Informer(rest, PODS, clock, activity)
        self._events = EventRecorder(rest, clock, activity, component="controllermanager")
        informers = (self._budgets, self._pods)
        self._controller = Controller("disruption controller", informers, self._reconcile, clock, activity)
        self._budgets.on_change(self._budget_changed)
        self._pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Count until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._budgets.run(), name="disruption budgets")
            scope.start(self._pods.run(), name="disruption pods")
            scope.start(self._events.run(), name="disruption events")
            await self._controller.run(workers=1)

    def _budget_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and _meaning(old) == _meaning(new):
            return
        found = [budget for budget in self._budgets.objects.values() if new is not None and covers(budget, new)]
        if new is not None and len(found) > 1:
            metadata = new["metadata"]
            told = (
                f'Pod "{metadata["namespace"]}"/"{metadata["name"]}" matches multiple PodDisruptionBudgets.  '
                f'Chose "{found[0]["metadata"]["name"]}" arbitrarily.'
            )
            self._events.event(new, "Warning", "MultiplePodDisruptionBudgets", told)
        if old is not None:
            found += [budget for budget in self._budgets.objects.values() if covers(budget, old)]
        for budget in found:
            self._controller.queue.add(key_of(budget))

    async def _reconcile(self, key: str) -> float | None:
        budget = self._budgets.get(key)
        if budget is None:
            return None
        now = self._clock.now()
        pods = covered(budget, self._pods.objects.values())
        if not pods:
            self._events.event(budget, "Normal", "NoPods", "No matching pods found")
        try:
            expected, desired = expectation(budget, pods)
        except NoScale as error:
            told = f"Failed to calculate the number of expected pods: {error}"
            self._events.event(budget, "Warning", "CalculateExpectedPodCountFailed", told)
            await self._write(budget, failed_status(budget, str(error), format_time(now)))
            return None
        if needs_scale(budget) and any(controller_of(pod) is None for pod in pods):
            shown = shown_selector((budget.get("spec") or {}).get("selector"))
            self._events.event(budget, "Warning", "UnmanagedPods", _UNMANAGED.format(shown))
        disrupted, again_s = self._disrupted(budget, pods, now)
        healthy = sum(
            is_healthy(pod) and "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["name"] not in disrupted
            for pod in pods
        )
        status = counted_status(budget, healthy, desired, expected, disrupted, format_time(now))
        await self._write(budget, status)
        return again_s

    def _disrupted(self, budget: Object, pods: Sequence[Object], now: datetime) -> tuple[dict[str, str], float | None]:
        """Return which granted evictions are still to be seen, and when to look again."""
        granted = (budget.get("status") or {}).get("disruptedPods") or {}
        found: dict[str, str] = {}
        left: list[float] = []
        for pod in pods:
            metadata = pod["metadata"]
            since = granted.get(metadata["name"])
            if since is None or "deletionTimestamp" in metadata:
                continue
            left_s = DELETION_S - (now - parse_time(since)).total_seconds()
            if left_s < 0:
                namespace = budget["metadata"]["namespace"]
                told = f"Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't"
                self._events.event(pod, "Warning", "NotDeleted", told)
            else:
                found[metadata["name"]] = since
                left.append(left_s)
        return found, min(left) + 1.0 if left else None

    async def _write(self, budget: Object, status: Object) -> None:
        if status != budget.get("status"):
            await self._rest.update(POD_DISRUPTION_BUDGETS, {**budget, "status": status}, subresource="status")


def expectation(budget: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many pods a budget counts on, and how many of them have to be healthy. Pure; raises NoScale.

    Only the controllers of pods can say what a share of them is, or how many may be missing. None that have a scale
    are served, so pods of a controller cannot be counted so, and of pods without one there are none to be counted.
    """
    if not needs_scale(budget):
        least = (budget.get("spec") or {}).get("minAvailable")
        return (0, 0) if least is None else (len(pods), least)
    for owner in filter(None, map(controller_of, pods)):
        resource = find_kind(owner["apiVersion"], owner["kind"])
        if resource is None:
            raise NoScale(f'no matches for kind "{owner["kind"]}" in version "{owner["apiVersion"]}"')
        raise NoScale(f"{resource.group_resource} does not implement the scale subresource")
    return 0, 0


def needs_scale(budget: Mapping[str, Any]) -> bool:
    """Tell whether a budget is about how many pods there should be. Pure."""
    spec = budget.get("spec") or {}
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)


def controller_of(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the reference to a pod's controller. Pure."""
    owners: Sequence[Mapping[str, Any]] = pod["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def counted_status(
    budget: Mapping[str, Any], healthy: int, desired: int, expected: int, disrupted: Mapping[str, str], now: str
) -> Object:
    """Return a budget's status as counted. Pure. Without pods nothing may go, because the first may just be coming."""
    old = budget.get("status") or {}
    status: Object = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": max(healthy - desired, 0) if expected > 0 else 0,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"].get("generation", 0),
    }
    if disrupted:
        status["disruptedPods"] = dict(disrupted)
    if old.get("conditions"):
        status["conditions"] = old["conditions"]
    if status != old or not is_told(status):
        tell_allowed(status, now)
    return status


def failed_status(budget: Mapping[str, Any], why: str, now: str) -> Object:
    """Return the status of a budget that could not be counted: nothing may go. Pure."""
    status: Object = {"currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, **(budget.get("status") or {})}
    status["disruptionsAllowed"] = 0
    put_condition(status, SYNC_FAILED, why, now, is_allowed=False)
    return status


def shown_selector(selector: Mapping[str, Any] | None) -> str:
    """Return a selector as upstream's events show it. Pure."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{one['key']},Operator:{one['operator']},"
        f"Values:[{' '.join(one.get('values') or ())}],}},"
        for one in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


def _meaning(pod: Mapping[str, Any]) -> Any:
    """Return what of a pod budgets look at."""
    metadata = pod["metadata"]
    return metadata.get("labels"), metadata.get("ownerReferences"), "deletionTimestamp" in metadata, is_healthy(pod)
