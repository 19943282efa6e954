"""Has what is dead removed: after the kubelet's start, after each loss of the runtime, and now and then.

Takes what the kubelet knows of pods, and that something has ended; lets ``sweep`` remove of unknown pods everything and
of the others what nobody needs, and the runtime's keeper what a killed runtime left behind. Tells of the node what
fails.
Invariant: a node at rest is looked at seldom, because garbage comes of what ends.
Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from podbay.cri.runtime import RuntimeFailure
from podbay.kubelet.sweep import sweep

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)

_PERIOD_S: Final = 60.0
_SELDOM: Final = 5  # times as long


class ContainerGarbage:
    """See the module. ``sweep_runtime`` removes what a killed runtime left behind, if somebody can."""

    def __init__(self, kubelet: "Kubelet", sweep_runtime: Callable[[], Awaitable[None]] | None) -> None:
        self._kubelet = kubelet
        self._sweep_runtime = sweep_runtime
        self._has_litter = False

    def expect(self) -> None:
        """Hear that something has ended, so that there may be something to remove."""
        self._has_litter = True

    async def run(self) -> None:
        """Remove what is dead, again and again, until cancelled."""
        kubelet = self._kubelet
        seldom = 0
        while True:
            await kubelet.clock.sleep(_PERIOD_S)
            seldom = (seldom + 1) % _SELDOM
            if not self._has_litter and seldom:
                continue
            self._has_litter = False
            with kubelet.activity.working("container garbage"):
                try:
                    await self.collect()
                except (RuntimeFailure, OSError) as error:
                    self._has_litter = True
                    _log.warning("container garbage collection: %s", error)
                    kubelet.tell_of_node("Warning", "ContainerGCFailed", str(error))

    async def collect(self) -> None:
        """Remove what is dead now. Raises RuntimeFailure, OSError."""
        kubelet = self._kubelet
        await sweep(
            kubelet.runtime, kubelet.observer, kubelet.files, kubelet.config, kubelet.known_uids, kubelet.remover
        )

    async def sweep(self) -> None:
        """Remove what the runtime and the disk have of pods that nobody knows. Does nothing before pods were heard."""
        if not self._kubelet.is_informed:
            return
        try:
            await self.collect()
        except (RuntimeFailure, OSError) as error:
            _log.warning("sweep: %s", error)
        await self.sweep_runtime()

    async def sweep_runtime(self) -> None:
        """Remove what a killed runtime left behind. Does nothing before pods were heard, either."""
        if self._sweep_runtime is None or not self._kubelet.is_informed:
            return
        try:
            await self._sweep_runtime()
        except (RuntimeFailure, OSError) as error:
            _log.warning("sweep of the runtime: %s", error)
