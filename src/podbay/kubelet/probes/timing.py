"""When a probe is due: on the ticks of its period, counted from when its pod was first heard of.

Pure, in seconds of a monotonic clock. Readiness is also asked for as soon as it may be, so that a pod gets ready soon;
after that it keeps to its period.
Source: upstream's prober worker, which ticks from the pod's coming and looks first after the initial delay.
"""

import math
from typing import Final

_TINY: Final = 1e-6  # of a period; sums of floats are that inexact


def next_tick_s(anchor: float, period_s: float, now: float, not_before: float) -> float:
    """Return in how long the next tick is that is after now, and not before a moment."""
    after_now = math.floor((now - anchor) / period_s + _TINY) + 1
    allowed = math.ceil((not_before - anchor) / period_s - _TINY)
    return anchor + max(after_now, allowed) * period_s - now
