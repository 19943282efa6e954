"""Pods that wait for a node: active, backing off, or set aside until something changes that could help.

Takes pods' keys and news about the cluster; gives the next pod to try, by priority and then by age.
Invariant: a pod is in one of the three places; a pod that is set aside is tried again after five minutes at the latest.
Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/scheduler/backend/queue (as behaviour)
"""

import asyncio
import heapq
import itertools
from typing import Final

from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_BACKOFF: Final = Backoff(base_s=1.0, cap_s=10.0)
_SET_ASIDE_S: Final = 300.0


class SchedulingQueue:
    """See the module."""

    def __init__(self, clock: Clock, activity: Activity) -> None:
        self._clock = clock
        self._activity = activity
        self._order = itertools.count()
        self._active: list[tuple[int, int, str]] = []
        self._is_active: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._failed_at: dict[str, float] = {}
        self._aside: dict[str, int] = {}  # key -> priority
        self._ready = asyncio.Event()
        self._scope = TaskScope()
        self._news = 0

    @property
    def news(self) -> int:
        """Return a number that grows with every change that could help a pod."""
        return self._news

    def add(self, key: str, priority: int) -> None:
        """Have a new or changed pod tried at once."""
        self._aside.pop(key, None)
        if key not in self._is_active:
            self._is_active.add(key)
            self._activity.begin("scheduling queue")
            heapq.heappush(self._active, (-priority, next(self._order), key))
            self._ready.set()

    def remove(self, key: str) -> None:
        """Forget a pod that was bound or deleted."""
        self._aside.pop(key, None)
        self._attempts.pop(key, None)
        self._failed_at.pop(key, None)
        if key in self._is_active:
            self._is_active.discard(key)
            self._activity.end("scheduling queue")

    def set_aside(self, key: str, priority: int, *, seen_news: int) -> None:
        """Keep a pod that fits nowhere until news; if there was some while it was tried, try it again soon."""
        self._attempts[key] = self._attempts.get(key, 0) + 1
        self._failed_at[key] = self._clock.monotonic()
        self._aside[key] = priority
        if seen_news != self._news:
            self._scope.start(self._back_off(key), name="scheduling back-off")
        else:
            self._scope.start(self._time_out(key), name="scheduling time-out")

    def wake(self) -> None:
        """Say that something changed that could help pods which are set aside."""
        self._news += 1
        for key in list(self._aside):
            self._scope.start(self._back_off(key), name="scheduling back-off")

    async def pop(self) -> str:
        """Return the next pod's key; ``done`` must follow."""
        while True:
            while not self._active:
                self._ready.clear()
                await self._ready.wait()
            _, _, key = heapq.heappop(self._active)
            if key in self._is_active:
                self._is_active.discard(key)
                return key

    def done(self) -> None:
        """Say that a pod given by ``pop`` was dealt with."""
        self._activity.end("scheduling queue")

    async def close(self) -> None:
        """Forget every pod that waits for the clock."""
        await self._scope.close()

    async def _back_off(self, key: str) -> None:
        failed = self._failed_at.get(key)
        if failed is None:
            return
        left = _BACKOFF.delay_s(self._attempts.get(key, 1)) - (self._clock.monotonic() - failed)
        if left > 0:
            await self._clock.sleep(left)
        if key in self._aside and self._failed_at.get(key) == failed:
            self.add(key, self._aside[key])

    async def _time_out(self, key: str) -> None:
        failed = self._failed_at[key]
        await self._clock.sleep(_SET_ASIDE_S)
        if key in self._aside and self._failed_at.get(key) == failed:
            self.add(key, self._aside[key])
