"""Looks every ten seconds whether a pod has to leave the node, and has it leave.

Takes the kubelet's workers and what was measured; ends pods through their workers, who tell why, and says under which
pressures the node is.
Invariant: a pod that the cluster cannot do without is never evicted; for the node's sake one pod goes at a time, and
nobody goes for something that was not measured, or that removing litter has mended; disks are walked only while
somebody is limited or the disk is low.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ ; upstream's eviction manager.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from podbay.client.rest import Object
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.eviction import local_storage, ranking
from podbay.kubelet.eviction.critical import is_critical
from podbay.kubelet.eviction.pressure import Pressure
from podbay.kubelet.eviction.thresholds import Observation, Threshold, observations
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.stats.samples import PodSample, Sample
from podbay.kubelet.worker import Worker
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

_PERIOD_S: Final = 10.0
_HARD_GRACE_S: Final = 1.0
_CLEANED_UP_S: Final = 30.0  # the next one goes after that, even if this one is not gone


class Surroundings(Protocol):
    """What the evictions need of their kubelet."""

    @property
    def clock(self) -> Clock:
        """Return the clock."""

    @property
    def activity(self) -> Activity:
        """Return what is in hand."""

    def workers(self) -> Sequence[Worker]:
        """Return the workers of all pods."""

    def tell_of_node(self, kind: str, reason: str, message: str) -> None:
        """Record an event about the node."""

    async def remove_litter(self) -> None:
        """Remove dead containers, and images that nobody uses."""


class Evictions:
    """See the module. ``run`` until cancelled; ``changed`` is called with the conditions when they change."""

    def __init__(
        self,
        kubelet: Surroundings,
        stats: Stats,
        config: KubeletConfig,
        changed: Callable[[Sequence[str]], None],
    ) -> None:
        self._kubelet = kubelet
        self._stats = stats
        self._config = config
        self._changed = changed
        self._pressure = Pressure(config.thresholds(), config.eviction_pressure_transition_period_s)
        self._leaving: Worker | None = None
        self._until = 0.0
        self.conditions: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look every ten seconds."""
        while True:
            with self._kubelet.activity.working("evictions"):
                try:
                    await self._look()
                except OSError as error:
                    _log.warning("measuring the node: %s", error)
            await self._kubelet.clock.sleep(_PERIOD_S)

    async def _look(self) -> None:
        candidates = {worker.uid: worker for worker in self._kubelet.workers() if worker.is_evictable}
        limited = {uid for uid, worker in candidates.items() if local_storage.has_limit(worker.pod)}
        sample = await self._stats.current(disks=bool(limited))
        seen = observations(sample)
        asking, conditions = self._pressure.update(seen, self._kubelet.clock.monotonic())
        if conditions != self.conditions:
            self.conditions = conditions
            self._changed(conditions)
        if self._evict_for_limits(sample, {uid: candidates[uid] for uid in limited}) or not asking:
            return
        if self._leaving is not None and self._leaving.is_taken and self._kubelet.clock.monotonic() < self._until:
            return  # what the last one had is not free yet
        await self._relieve(asking[0], candidates)

    def _evict_for_limits(self, sample: Sample, limited: Mapping[str, Worker]) -> bool:
        """Evict every pod that has more on disks than it may; return whether there was one."""
        found = False
        for each in sample.pods:
            worker = limited.get(each.uid)
            if worker is None or is_critical(worker.pod):
                continue
            message = local_storage.excess(each, has_own_image_filesystem=sample.node.has_own_image_filesystem)
            if message is not None:
                worker.evict(message, grace_s=_HARD_GRACE_S)
                found = True
        return found

    async def _relieve(self, threshold: Threshold, candidates: Mapping[str, Worker]) -> None:
        """Evict one pod, the one that goes first."""
        self._kubelet.tell_of_node("Warning", "EvictionThresholdMet", f"Attempting to reclaim {threshold.resource}")
        is_disk = threshold.condition == "DiskPressure"
        sample = await self._stats.current(disks=is_disk)
        # Where images are elsewhere, what they leave is no help to the node's own disk.
        if is_disk and (threshold.signal.startswith("imagefs.") or not sample.node.has_own_image_filesystem):
            await self._kubelet.remove_litter()
            sample = await self._stats.fresh(disks=True)
            if self._pressure.is_relieved(observations(sample)):
                return
        running = [each for each in sample.pods if each.uid in candidates and each.containers]
        order = ranking.ranked(running, threshold, has_own_image_filesystem=sample.node.has_own_image_filesystem)
        for each in order:
            if not is_critical(each.pod):
                self._evict_for_node(candidates[each.uid], each, threshold, observations(sample))
                return
        _log.warning("the node is low on %s, and no pod can be evicted", threshold.resource)

    def _evict_for_node(
        self, worker: Worker, sample: PodSample, threshold: Threshold, seen: Mapping[str, Observation]
    ) -> None:
        grace_s = _HARD_GRACE_S if threshold.is_hard else float(self._config.eviction_max_pod_grace_period_s)
        worker.evict(ranking.message(sample, threshold, seen), grace_s=grace_s, is_disruption=True)
        self._leaving, self._until = worker, self._kubelet.clock.monotonic() + grace_s + _CLEANED_UP_S


def node_events(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the reasons of the events that tell of changed conditions. Pure."""
    reasons = {
        "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
        "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
        "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
    }
    return [reasons[name][0 if name in new else 1] for name in reasons if (name in old) != (name in new)]


def node_of(config: KubeletConfig) -> Object:
    """Return the node as events name it: it has no uid that a kubelet could know."""
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": config.node_name, "uid": config.node_name}}
