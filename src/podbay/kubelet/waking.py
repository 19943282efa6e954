"""What wakes somebody who takes one step after another: that something has happened, or that a time has come.

Takes the clock and a name for the work. From being woken until its step is over there is work in hand, unless the step
only waits; whoever moves the clock must know.
Invariant: what happens during a step makes another one follow.
"""

import asyncio

from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope


class Waking:
    """See the module. ``close`` at the end."""

    def __init__(self, clock: Clock, activity: Activity, what: str) -> None:
        self._clock = clock
        self._activity = activity
        self._what = what
        self._is_held = False
        self._is_parked = False
        self._due = TaskScope()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """Have a step taken soon; until then there is work in hand."""
        if not self._is_parked:
            self._hold()
        self.woken.set()

    def park(self) -> None:
        """Say that the step under way only waits: whatever wakes now has to wait as well."""
        self._is_parked = True
        self._release()

    def unpark(self) -> None:
        """Say that the step goes on."""
        self._is_parked = False
        self._hold()

    async def wait(self) -> None:
        """Return when a step is to be taken."""
        await self.woken.wait()
        self.woken.clear()

    async def rest(self, again_s: float | None) -> None:
        """Say that the step is over; wake in so many seconds, if that is not None."""
        if not self.woken.is_set():
            self._release()
        if again_s is not None:
            await self._due.close()
            self._due.start(self._wake_after(again_s), name=f"{self._what} due")

    async def close(self) -> None:
        """End everything."""
        await self._due.close()
        self._release()

    async def _wake_after(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.wake()

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            self._activity.begin(self._what)

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._activity.end(self._what)
