"""What a cluster is busy with right now, so that a test can wait until nothing is left to do.

Every component that has work in hand (a frame received and not yet handled, a key in a work queue, a
request being served, a pod being synced) holds a token for that time. Waiting for the clock, for a frame or
for a runtime event is not work and holds none. Who follows changes also says which revision it has seen.

Invariant: work that causes other work begins the new token before it ends its own, so the count does not
touch zero in between.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Counts work in hand by name. One per cluster; a component that was given none makes its own."""

    def __init__(self) -> None:
        self._working: Counter[str] = Counter()
        self._seen: dict[str, int] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, what: str) -> None:
        """Say that a piece of work called ``what`` is in hand."""
        self._working[what] += 1
        self._idle.clear()

    def end(self, what: str) -> None:
        """Say that one piece of work called ``what`` is done."""
        count = self._working[what] - 1
        if count < 0:
            raise ValueError(f"{what} ended more often than it began")
        if count:
            self._working[what] = count
        else:
            del self._working[what]
            if not self._working:
                self._idle.set()

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Hold a token for the time of a block."""
        self.begin(what)
        try:
            yield
        finally:
            self.end(what)

    def busy_with(self) -> dict[str, int]:
        """Return what is in hand and how often, by name."""
        return dict(self._working)

    def saw(self, who: str, revision: int) -> None:
        """Say up to which revision a follower of changes has seen everything that it asked for."""
        self._seen[who] = revision

    def left(self, who: str) -> None:
        """Say that a follower does not follow any more."""
        self._seen.pop(who, None)

    def seen(self) -> dict[str, int]:
        """Return the revision that each follower has seen, by name."""
        return dict(self._seen)

    async def idle(self, *, turns: int = 5) -> None:
        """Return when nothing has been in hand for ``turns`` turns of the event loop."""
        quiet = 0
        while quiet < turns:
            if self._working:
                quiet = 0
                await self._idle.wait()
            await asyncio.sleep(0)
            quiet = 0 if self._working else quiet + 1
