"""Whether several pieces of work that go on at once all only wait: for the runtime, for a hook, for each other.

Waiting is no work in hand, which whoever moves the clock must know. Calls ``hold`` when one of them goes on, and
``release`` when all of them wait or are over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Patience:
    """See the module. ``count`` pieces of work begin with something to do."""

    def __init__(self, count: int, hold: Callable[[], None], release: Callable[[], None]) -> None:
        self._active = count
        self._hold = hold
        self._release = release

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Say for the time of a block that one of them waits."""
        self.leave()
        try:
            yield
        finally:
            self._active += 1
            self._hold()

    def leave(self) -> None:
        """Say that one of them is over, or waits."""
        self._active -= 1
        self.go_on()

    def go_on(self) -> None:
        """Say that whoever looks after all of them has nothing more to do now."""
        if self._active <= 0:
            self._release()
