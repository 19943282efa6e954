"""The way between the pretended runtime and who uses it: calls come in, events go out.

Takes the runtime's calls and events; gives each call its delay and the failure that a test wants it to have, and each
listener the events. An event that waits to be read is work in hand.
Invariant: while it is down, every call fails and no event is told; listeners learn that it was lost, and came back.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from podbay.cri.runtime import RuntimeEvent, RuntimeFailure
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock


class Connection:
    """See the module. ``calls`` has the methods called, in order."""

    def __init__(self, clock: Clock, activity: Activity) -> None:
        self._clock = clock
        self._activity = activity
        self._listeners: set[_Listener] = set()
        self._failures: dict[str, list[RuntimeFailure]] = defaultdict(list)
        self._is_down = False
        self.calls: list[str] = []

    async def called(self, method: str, takes_s: float = 0.0) -> None:
        """Let a call come in. Raises RuntimeFailure."""
        self.calls.append(method)
        if self._is_down:
            raise RuntimeFailure("UNAVAILABLE", "connection error: the fake runtime is down")
        if takes_s > 0:
            await self._clock.sleep(takes_s)
        if self._failures[method]:
            raise self._failures[method].pop(0)

    def tell(self, event: RuntimeEvent) -> None:
        """Tell an event to all who listen."""
        if not self._is_down:
            for listener in self._listeners:
                listener.put(event)

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yield events as they happen."""
        listener = _Listener(self._activity)
        self._listeners.add(listener)
        if not self._is_down:
            listener.put(RuntimeEvent(kind="connected"))
        try:
            while True:
                yield await listener.next()
        finally:
            self._listeners.discard(listener)
            listener.close()

    def fail(self, method: str, failure: RuntimeFailure, times: int) -> None:
        """Have the next calls of a method fail."""
        self._failures[method] += [failure] * times

    def go_down(self) -> None:
        """Cut it."""
        self.tell(RuntimeEvent(kind="lost"))
        self._is_down = True

    def come_back(self) -> None:
        """Have it work again; listeners learn that they may have missed something."""
        self._is_down = False
        self.tell(RuntimeEvent(kind="connected"))


class _Listener:
    """One reader's events."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._events: list[RuntimeEvent] = []
        self._more = asyncio.Event()
        self._held = False

    def put(self, event: RuntimeEvent) -> None:
        """Have an event read."""
        self._events.append(event)
        if not self._held:
            self._held = True
            self._activity.begin("runtime events")
        self._more.set()

    async def next(self) -> RuntimeEvent:
        """Return the next event; coming back for more says that the last one was dealt with."""
        while not self._events:
            self._release()
            self._more.clear()
            await self._more.wait()
        return self._events.pop(0)

    def close(self) -> None:
        """Let go of what is in hand."""
        self._events.clear()
        self._release()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._activity.end("runtime events")
