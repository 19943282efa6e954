"""Moments that others stamped with the wall clock, on the clock that never jumps.

Takes a clock and stamps in seconds since the epoch; gives monotonic seconds, to count durations from.
Invariant: a stamp means the same moment for as long as it is asked for, however the wall clock was set meanwhile; one
of the future, as after a clock that was set back, means now.
"""

from podbay.lib.clock import Clock


class Moments:
    """See the module. Of each key the newest stamp is remembered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, float]] = {}

    def of(self, key: str, stamp_s: float) -> float:
        """Return when something was, by the wall clock of when it was first asked for."""
        known = self._known.get(key)
        if known is None or known[0] != stamp_s:
            age_s = max(0.0, self._clock.now().timestamp() - stamp_s)
            known = self._known[key] = (stamp_s, self._clock.monotonic() - age_s)
        return known[1]
