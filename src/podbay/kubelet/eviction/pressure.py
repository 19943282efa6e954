"""Under which pressures the node is, and which thresholds ask for pods to go.

Pure but for what it remembers: when a threshold was crossed first, and when a condition was seen last. Takes what is
left of each thing and the time in seconds; gives thresholds and conditions.
Invariant: a condition lasts for the transition period after it was seen last, so that it does not flap; a soft
threshold asks for nothing before its grace period is over.
Source: upstream's eviction manager (synchronize).
"""

from collections.abc import Mapping, Sequence

from podbay.api.qos import qos_class
from podbay.api.taints import is_tolerated
from podbay.kubelet.eviction.critical import Pod, is_critical
from podbay.kubelet.eviction.thresholds import Observation, Threshold, crossed


class Pressure:
    """See the module."""

    def __init__(self, thresholds: Sequence[Threshold], transition_s: float) -> None:
        self._thresholds = thresholds
        self._transition_s = transition_s
        self._first: dict[Threshold, float] = {}
        self._last: dict[str, float] = {}
        self._met: Sequence[Threshold] = ()

    def update(self, seen: Mapping[str, Observation], now: float) -> tuple[list[Threshold], tuple[str, ...]]:
        """Return the thresholds that ask for pods to go, memory first, and the node's conditions."""
        found = list(crossed(self._thresholds, seen))
        found += [each for each in crossed(self._met, seen, with_reclaim=True) if each not in found]
        self._first = {each: self._first.get(each, now) for each in found}
        self._last |= {each.condition: now for each in found}
        self._last = {name: at for name, at in self._last.items() if now - at < self._transition_s or at == now}
        self._met = [each for each, at in self._first.items() if now - at >= each.grace_s]
        asking = sorted(self._met, key=lambda each: each.resource != "memory")
        return asking, tuple(sorted(self._last))

    def is_relieved(self, seen: Mapping[str, Observation]) -> bool:
        """Tell whether nothing is low any more, also with what has to be reclaimed at least."""
        return not crossed(self._thresholds, seen, with_reclaim=True)


def refusal(pod: Pod, conditions: Sequence[str]) -> tuple[str, str] | None:
    """Return why a node under pressure takes no such pod, as (reason, message), or None."""
    if not conditions or is_critical(pod):
        return None
    if list(conditions) == ["MemoryPressure"]:
        taint = {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}
        if qos_class(pod) != "BestEffort" or is_tolerated(taint, pod["spec"].get("tolerations") or ()):
            return None
    return "Evicted", f"The node had condition: [{' '.join(conditions)}]. "
