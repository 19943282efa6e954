"""Which pods have to go so that the node can take one that it, or the cluster, cannot do without.

Pure. Takes that pod, the node's others, and how much is missing of what; gives those that are to end, or raises
``NotEnough``. ``room`` has them end.
Invariant: of the better class of service as few go as can be, all of the lesser ones supposed gone; only then is it
decided who of the lesser ones can stay. A critical pod goes only for one of higher priority.
Source: upstream's pkg/kubelet/preemption/preemption.go, and Preemptable in pkg/kubelet/types/pod_update.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from podbay.api.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, qos_class
from podbay.kubelet.admission import requests_of
from podbay.kubelet.eviction import critical

REASON: Final = "Preempting"
MESSAGE: Final = "Preempted in order to admit critical pod"
DISRUPTION: Final = "Pod was preempted by Kubelet to accommodate a critical pod."


class Guest(Protocol):
    """A pod of the node, and whether a file of the node says it."""

    @property
    def pod(self) -> Mapping[str, Any]:
        """Return the pod."""

    @property
    def is_static(self) -> bool:
        """Tell whether a file of the node says it."""


Someone = TypeVar("Someone", bound=Guest)
Amounts = Mapping[str, int]  # resource -> how much


class NotEnough(Exception):
    """All pods that may go together do not have what is missing. As text it reads as upstream tells it."""

    def __init__(self, missing: Amounts) -> None:
        shown = "".join(f"(res: {name}, q: {amount}), " for name, amount in missing.items())
        super().__init__(f"no set of running pods found to reclaim resources: [{shown}]")


def refusal(error: NotEnough) -> tuple[str, str]:
    """Return (reason, message) of a critical pod that nobody can make room for."""
    return (
        "UnexpectedAdmissionError",
        "Unexpected error while attempting to recover from admission failure: "
        f"preemption: error finding a set of pods to preempt: {error}",
    )


def is_critical(guest: Guest) -> bool:
    """Tell whether a pod is one that others make room for: it is static, or of a priority of the system's own."""
    return guest.is_static or critical.is_critical(guest.pod)


def is_preemptable(guest: Guest, by: Guest) -> bool:
    """Tell whether a pod may have to go for another; between critical ones priorities decide, if both have one."""
    if is_critical(by) and not is_critical(guest):
        return True
    own, other = guest.pod["spec"].get("priority"), by.pod["spec"].get("priority")
    return own is not None and other is not None and int(other) > int(own)


def victims(critical_one: Guest, others: Sequence[Someone], missing: Amounts) -> list[Someone]:
    """Return who has to go, those of the least class of service first. Raises NotEnough."""
    may_go = [other for other in others if is_preemptable(other, critical_one)]
    best_effort, burstable, guaranteed = (
        [each for each in may_go if _class(each) == name] for name in (BEST_EFFORT, BURSTABLE, GUARANTEED)
    )
    lacking = _without(missing, may_go)
    if lacking:
        raise NotEnough(lacking)
    of_guaranteed = _nearest(guaranteed, _without(missing, [*best_effort, *burstable]))
    of_burstable = _nearest(burstable, _without(missing, [*best_effort, *of_guaranteed]))
    of_best_effort = _nearest(best_effort, _without(missing, [*of_burstable, *of_guaranteed]))
    return [*of_best_effort, *of_burstable, *of_guaranteed]


def _class(guest: Guest) -> str:
    return str((guest.pod.get("status") or {}).get("qosClass") or qos_class(guest.pod))


def _nearest(guests: Sequence[Someone], missing: Amounts) -> list[Someone]:
    """Return few pods that have what is missing: again and again the one that comes nearest, or has least. Raises."""
    left, chosen = list(guests), list[Someone]()
    while missing:
        if not left:
            raise NotEnough(missing)
        # Of several that are alike it is the last.
        best = min(reversed(left), key=lambda guest: (_distance(missing, guest), _size(guest)))
        left.remove(best)
        chosen.append(best)
        missing = _without(missing, [best])
    return chosen


def _distance(missing: Amounts, guest: Guest) -> float:
    """Return how much of what is missing a pod leaves missing; each resource counts alike, whatever its unit."""
    shares = (max(0, amount - _amount(guest, name)) / amount for name, amount in missing.items())
    return sum(share * share for share in shares)


def _without(missing: Amounts, gone: Sequence[Guest]) -> Amounts:
    """Return what is still missing when pods are gone."""
    left = {name: amount - sum(_amount(guest, name) for guest in gone) for name, amount in missing.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _size(guest: Guest) -> tuple[int, int]:
    return _amount(guest, "memory"), _amount(guest, "cpu")


def _amount(guest: Guest, resource: str) -> int:
    return 1 if resource == "pods" else requests_of(guest.pod).get(resource, 0)
