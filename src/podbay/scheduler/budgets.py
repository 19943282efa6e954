"""Which victims' eviction would break a disruption budget.

Pure. Takes budgets and pods in an order; tells those for whom their budgets have nothing left.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/#poddisruptionbudget-is-supported-but-not-guaranteed
"""

from collections.abc import Iterable, Mapping
from typing import Any

from podbay.api.disruption import selector_of
from podbay.scheduler.snapshot import PodNeeds


def violating(pods: Mapping[str, PodNeeds], budgets: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the keys of the pods that are one too many, if all of them go in this order.

    A pod whose eviction was granted already is no violation; a selector that leaves nothing out is about no pod here.
    """
    found: set[str] = set()
    for budget in budgets:
        selector, status = selector_of(budget), budget.get("status") or {}
        left, granted = status.get("disruptionsAllowed", 0), status.get("disruptedPods") or {}
        if not selector:
            continue
        for key, needs in pods.items():
            if needs.namespace != budget["metadata"]["namespace"] or not needs.labels:
                continue
            if key.rpartition("/")[2] in granted or not selector.matches(needs.labels):
                continue
            left -= 1
            if left < 0:
                found.add(key)
    return frozenset(found)
