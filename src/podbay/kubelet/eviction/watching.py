"""Looks every ten seconds whether a pod has to leave the node, and has it leave.

Takes the kubelet's workers and what was measured; ends pods through their workers, who tell why.
Invariant: a pod that the cluster cannot do without is never evicted; disks are walked only while a pod is limited.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/ ; upstream's eviction manager.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from podbay.kubelet.eviction import local_storage
from podbay.kubelet.stats.gathering import Stats
from podbay.kubelet.worker import Worker
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

_PERIOD_S: Final = 10.0
_GRACE_S: Final = 1.0
_CRITICAL: Final = 2_000_000_000  # the priority of system-cluster-critical, and above


class Evictions:
    """See the module. ``run`` until cancelled."""

    def __init__(self, stats: Stats, workers: Callable[[], Sequence[Worker]], clock: Clock, activity: Activity) -> None:
        self._stats = stats
        self._workers = workers
        self._clock = clock
        self._activity = activity

    async def run(self) -> None:
        """Look every ten seconds."""
        while True:
            await self._clock.sleep(_PERIOD_S)
            with self._activity.working("evictions"):
                try:
                    await self._look()
                except OSError as error:
                    _log.warning("measuring the node: %s", error)

    async def _look(self) -> None:
        candidates = {worker.uid: worker for worker in self._workers() if worker.is_evictable}
        if not any(local_storage.has_limit(worker.pod) for worker in candidates.values()):
            return
        sample = await self._stats.current(disks=True)
        for each in sample.pods:
            worker = candidates.get(each.uid)
            if worker is None or not local_storage.has_limit(each.pod):
                continue
            own = sample.node.has_own_image_filesystem
            message = local_storage.excess(each, has_own_image_filesystem=own)
            if message is not None and not is_critical(worker.pod):
                worker.evict(message, grace_s=_GRACE_S)


def is_critical(pod: Mapping[str, Any]) -> bool:
    """Tell whether the cluster cannot do without a pod."""
    return int(pod["spec"].get("priority") or 0) >= _CRITICAL
