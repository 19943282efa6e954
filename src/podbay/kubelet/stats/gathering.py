"""Has the node measured every ten seconds, and tells what was measured last.

Takes the pods that the kubelet has; gives a ``Sample``, never older than ten seconds. Measuring goes on in a thread.
Invariant: however many ask, the node is measured once at a time, and not anew within ten seconds; only containers that
were measured once or never are measured again at once, because their rate of processor time needs two.
Source: upstream's cAdvisor housekeeping and the kubelet's summary provider.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from podbay.client.rest import Object
from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet.stats.reader import Reader, RuntimeDisks, running_containers
from podbay.kubelet.stats.samples import DiskUsage, Sample
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

PERIOD_S: Final = 10.0
_AGAIN_S: Final = 1.0
_IMAGES_S: Final = 300.0


class Stats:
    """See the module."""

    def __init__(
        self,
        reader: Reader,
        pods: Callable[[], Sequence[Object]],
        runtime: Runtime,
        clock: Clock,
        activity: Activity,
    ) -> None:
        self._reader = reader
        self._pods = pods
        self._runtime = runtime
        self._clock = clock
        self._activity = activity
        self._lock = asyncio.Lock()
        self._sample: Sample | None = None
        self._sampled_at = 0.0
        self._reading: asyncio.Future[Sample] | None = None
        self._disks_at: float | None = None
        self._images_at: float | None = None

    async def current(self, *, disks: bool) -> Sample:
        """Return what was measured last, or measure; ``disks`` also what pods have on disks. Raises OSError."""
        async with self._lock:
            now = self._clock.monotonic()
            age_s = now - self._sampled_at
            look = disks and (self._disks_at is None or now - self._disks_at >= PERIOD_S)
            found = self._sample
            if (
                found is not None
                and not look
                and age_s < (_AGAIN_S if _has_newcomers(found, self._pods()) else PERIOD_S)
            ):
                return found
            return await self._measure(disks=look)

    async def fresh(self, *, disks: bool) -> Sample:
        """Measure now. Raises OSError."""
        async with self._lock:
            return await self._measure(disks=disks)

    async def run(self) -> None:
        """Look every ten seconds, until cancelled, that somebody has measured: a rate needs what was before."""
        while True:
            with self._activity.working("stats"):
                try:
                    await self.current(disks=False)
                except OSError as error:
                    _log.warning("measuring the node: %s", error)
            await self._clock.sleep(PERIOD_S)

    async def _measure(self, *, disks: bool) -> Sample:
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading})  # who asked for it has gone, but a thread cannot be stopped
        told = None
        if disks or self._images_at is None or self._clock.monotonic() - self._images_at >= _IMAGES_S:
            told = await self._ask(layers=disks)
            self._images_at = self._clock.monotonic() if told.images is not None else None
        self._reading = asyncio.get_running_loop().run_in_executor(None, self._reader.read, list(self._pods()), told)
        self._sample = await asyncio.shield(self._reading)
        self._sampled_at = self._clock.monotonic()
        if disks:
            self._disks_at = self._sampled_at
        return self._sample

    async def _ask(self, *, layers: bool) -> RuntimeDisks:
        """Ask the runtime where images are, and what containers have written; one that is silent hides only that."""
        try:
            images = await self._runtime.image_filesystem()
            found = await self._runtime.writable_layers() if layers else None
        except RuntimeFailure as error:
            _log.warning("asking the runtime about disks: %s", error)
            return RuntimeDisks(layers={} if layers else None, images=None)
        if found is None:
            return RuntimeDisks(layers=None, images=images)
        return RuntimeDisks(
            layers={key: DiskUsage(bytes=each.used_bytes, inodes=each.used_inodes) for key, each in found.items()},
            images=images,
        )


def _has_newcomers(sample: Sample, pods: Sequence[Object]) -> bool:
    """Tell whether a container runs that was measured once, or not at all."""
    rated = {
        each.id
        for pod in sample.pods
        for each in pod.containers
        if each.usage is None or each.usage.nano_cores is not None
    }
    return any(key not in rated for pod in pods for _, key, _ in running_containers(pod))
