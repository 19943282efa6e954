"""The harness of a controller: informers feed keys to a queue, workers reconcile them.

Takes a reconcile function that looks at the informers' copies and acts through its client; calls it for each key, and
again after a delay when it raises or asks for it.
Invariant: one key is reconciled by one worker at a time, and only after every informer has synced.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from podbay.api.errors import StatusError
from podbay.client.informer import Informer
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.lib.workqueue import WorkQueue

_log = logging.getLogger(__name__)

BACKOFF: Final = Backoff(base_s=0.005, cap_s=1000.0)
Reconcile = Callable[[str], Awaitable[float | None]]


class Controller:
    """See the module. ``reconcile(key)`` may return seconds after which it wants to be called again."""

    def __init__(
        self, name: str, informers: Sequence[Informer], reconcile: Reconcile, clock: Clock, activity: Activity
    ) -> None:
        self.name = name
        self._informers = informers
        self._reconcile = reconcile
        self.queue: WorkQueue[str] = WorkQueue(name, clock, activity, BACKOFF)

    async def run(self, workers: int = 2) -> None:
        """Work until cancelled. The informers are run by their owner."""
        for informer in self._informers:
            await informer.synced.wait()
        async with TaskScope() as scope:
            tasks = [scope.start(self._work(), name=f"{self.name} worker") for _ in range(workers)]
            try:
                for task in tasks:
                    await task
            finally:
                await self.queue.close()

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                again_s = await self._reconcile(key)
            except (StatusError, TransportError) as error:
                _log.info("%s %s: %s", self.name, key, error)
                self.queue.add_failed(key)
            except Exception:
                _log.exception("%s %s", self.name, key)
                self.queue.add_failed(key)
            else:
                self.queue.forget(key)
                if again_s is not None:
                    self.queue.add_after(key, again_s)
            finally:
                self.queue.done(key)
