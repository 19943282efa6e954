"""Pods that wait for a node: active, backing off, or set aside until something changes that could help.

Takes pods' keys and news about the cluster; gives the next pod to try, by priority and then by age.
Invariant: a pod that waits is in exactly one of the three places; one that is set aside is tried again after five
minutes at the latest. The back-off after a refusal only lets others go first: with nobody active it is not waited for;
the back-off after an error always is. An active pod is work in hand; one that waits for the clock or for news is not.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/ (the scheduling queue)
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.timers import Timers
from podbay.scheduler.filters import Plugin

BACKOFF: Final = Backoff(base_s=1.0, cap_s=10.0)
SET_ASIDE_S: Final = 300.0
_TOKEN: Final = "scheduling queue"


class Place(Enum):
    """Where a pod waits."""

    ACTIVE = "active"
    BACKOFF = "backoff"
    ASIDE = "aside"
    TRIED = "tried"  # given out by ``pop``; nothing is decided yet


@dataclass(slots=True)
class Waiting:
    """One pod that waits."""

    key: str
    priority: int
    place: Place = Place.ACTIVE
    attempts: int = 0
    failed_at_s: float = 0.0
    refused_by: frozenset[Plugin] = frozenset()
    met_error: bool = False


class SchedulingQueue:
    """See the module."""

    def __init__(self, clock: Clock, activity: Activity) -> None:
        self._clock = clock
        self._activity = activity
        self._order = itertools.count()
        self._pods: dict[str, Waiting] = {}
        self._active: list[tuple[int, int, str]] = []
        self._ready = asyncio.Event()
        self._is_idle = False  # ``pop`` waits
        self._timers: Timers[str] = Timers("scheduling queue", clock, self._due)

    def add(self, key: str, priority: int) -> None:
        """Have a new or changed pod tried; a pod that failed just now still waits for its back-off."""
        pod = self._pods.get(key)
        if pod is None:
            pod = self._pods[key] = Waiting(key, priority, Place.ASIDE)
        pod.priority = priority
        if pod.place in (Place.ASIDE, Place.TRIED):
            self._retry(pod)

    def remove(self, key: str) -> None:
        """Forget a pod that was bound or deleted."""
        pod = self._pods.pop(key, None)
        self._timers.clear(key)
        if pod is not None and pod.place is Place.ACTIVE:
            self._activity.end(_TOKEN)

    def set_aside(self, key: str, refused_by: Collection[Plugin]) -> None:
        """Keep a pod that fits nowhere until news that could help it."""
        pod = self._failed(key)
        if pod is not None:
            pod.place, pod.refused_by, pod.met_error = Place.ASIDE, frozenset(refused_by), False
            self._timers.set(key, SET_ASIDE_S)

    def back_off(self, key: str) -> None:
        """Have a pod that could not be dealt with (the server said no, or nothing) tried again soon."""
        pod = self._failed(key)
        if pod is not None:
            pod.met_error = True
            self._retry(pod)

    def wake(self, could_help: Callable[[Waiting], bool]) -> None:
        """Have the pods that are set aside tried again, those that something could help."""
        for pod in list(self._pods.values()):
            if pod.place is Place.ASIDE and could_help(pod):
                self._retry(pod)

    async def pop(self) -> str:
        """Return the next pod's key; ``done`` must follow. Cancelling takes none."""
        while True:
            while not self._active:
                early = self._first_in_back_off()
                if early is not None:
                    self._activate(early)
                    continue
                self._ready.clear()
                self._is_idle = True
                try:
                    await self._ready.wait()
                finally:
                    self._is_idle = False
            _, _, key = heapq.heappop(self._active)
            pod = self._pods.get(key)
            if pod is not None and pod.place is Place.ACTIVE:
                pod.place = Place.TRIED
                return key

    def done(self) -> None:
        """Say that a pod given by ``pop`` was dealt with."""
        self._activity.end(_TOKEN)

    def place_of(self, key: str) -> Place | None:
        """Return where a pod waits, or None if it does not."""
        pod = self._pods.get(key)
        return pod.place if pod is not None else None

    async def close(self) -> None:
        """Forget every pod."""
        await self._timers.close()
        for key in list(self._pods):
            self.remove(key)

    def _failed(self, key: str) -> Waiting | None:
        """Count a try that led nowhere, unless the pod is gone or was activated again meanwhile."""
        pod = self._pods.get(key)
        if pod is None or pod.place is not Place.TRIED:
            return None
        pod.attempts += 1
        pod.failed_at_s = self._clock.monotonic()
        return pod

    def _retry(self, pod: Waiting) -> None:
        """Have a pod tried when its back-off is over, which may be now."""
        left_s = BACKOFF.delay_s(pod.attempts) - (self._clock.monotonic() - pod.failed_at_s)
        if pod.attempts and left_s > 0 and (pod.met_error or not self._is_idle):
            pod.place = Place.BACKOFF
            self._timers.set(pod.key, left_s)
        else:
            self._activate(pod)

    def _first_in_back_off(self) -> Waiting | None:
        """Return who is due next of those that back off though nothing failed: with nobody active they need not."""
        waiting = [pod for pod in self._pods.values() if pod.place is Place.BACKOFF and not pod.met_error]
        return min(waiting, key=lambda pod: self._timers.due_in_s(pod.key) or 0.0, default=None)

    def _activate(self, pod: Waiting) -> None:
        self._timers.clear(pod.key)
        pod.place = Place.ACTIVE
        self._activity.begin(_TOKEN)
        heapq.heappush(self._active, (-pod.priority, next(self._order), pod.key))
        self._ready.set()

    def _due(self, key: str) -> None:
        pod = self._pods.get(key)
        if pod is not None and pod.place in (Place.BACKOFF, Place.ASIDE):
            self._activate(pod)
