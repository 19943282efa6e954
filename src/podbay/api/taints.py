"""Taints of nodes and what pods tolerate: one rule for the scheduler, the kubelet and the controllers.

Pure. Takes taints and tolerations as plain objects; gives whether one accepts the other, and which taints a node's
conditions call for.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_OF_CONDITION: Final = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
MANAGED: Final = frozenset({*_OF_CONDITION.values(), UNSCHEDULABLE})  # whose presence the controllers decide

Taint = Mapping[str, Any]


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Tell whether a toleration accepts a taint."""
    effect, key = toleration.get("effect", ""), toleration.get("key", "")
    if effect and effect != taint.get("effect"):
        return False
    if key and key != taint.get("key"):
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(key) and (toleration.get("value") or "") == (taint.get("value") or "")


def is_tolerated(taint: Taint, tolerations: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether any toleration accepts a taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)


def stay_s(taints: Iterable[Taint], tolerations: Sequence[Mapping[str, Any]]) -> float | None:
    """Return for how many seconds a pod may stay on a node with these taints; None is for ever."""
    shortest: float | None = None
    for taint in taints:
        if taint.get("effect") != "NoExecute":
            continue
        accepting = [toleration for toleration in tolerations if tolerates(toleration, taint)]
        if not accepting:
            return 0.0
        for toleration in accepting:
            seconds = toleration.get("tolerationSeconds")
            if seconds is not None:
                shortest = min(max(0.0, float(seconds)), shortest if shortest is not None else float("inf"))
    return shortest


def wanted_taints(node: Mapping[str, Any], now: str) -> list[dict[str, Any]]:
    """Return the taints that a node should have by its conditions and its spec, and those of others that it has."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    keys = [
        _OF_CONDITION[condition["type"], condition.get("status", "")]
        for condition in status.get("conditions") or ()
        if (condition["type"], condition.get("status", "")) in _OF_CONDITION
    ]
    if spec.get("unschedulable"):
        keys.append(UNSCHEDULABLE)
    pairs = [(key, "NoSchedule") for key in keys]
    pairs += [(key, "NoExecute") for key in keys if key in (NOT_READY, UNREACHABLE)]
    old = spec.get("taints") or ()
    kept = [dict(taint) for taint in old if taint["key"] not in MANAGED or (taint["key"], taint["effect"]) in pairs]
    has = {(taint["key"], taint["effect"]) for taint in kept}
    return kept + [
        {"key": key, "effect": effect, "timeAdded": now} for key, effect in pairs if (key, effect) not in has
    ]
