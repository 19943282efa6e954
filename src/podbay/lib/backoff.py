"""How long to wait after the n-th failure in a row: doubling from a base to a cap, with optional jitter.

Pure but for the random source that jitter is given.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A doubling delay in seconds. ``jitter`` 0.1 adds up to a tenth at random."""

    base_s: float
    cap_s: float
    jitter: float = 0.0

    def delay_s(self, failures: int) -> float:
        """Return the delay after that many failures in a row; zero for none."""
        if failures <= 0:
            return 0.0
        delay = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 60))
        return delay * (1.0 + random.random() * self.jitter) if self.jitter else delay
