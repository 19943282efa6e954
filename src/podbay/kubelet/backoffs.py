"""Restart and pull back-offs of one pod: when a container that failed may be tried again.

Pure but for its own memory. Times are seconds of one clock, which does not jump. A delay starts with 10 s and doubles
to five minutes; it begins anew when nothing failed for ten minutes.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
"""

from dataclasses import dataclass
from typing import Final

INITIAL_S: Final = 10.0
MOST_S: Final = 300.0


@dataclass(slots=True)
class _Entry:
    delay_s: float
    updated: float


class Backoffs:
    """See the module. Keys are whatever the caller tells apart."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def delay_s(self, key: str) -> float:
        """Return the delay that holds for a key, 0 if none."""
        entry = self._entries.get(key)
        return entry.delay_s if entry else 0.0

    def left_s(self, key: str, since: float, now: float) -> float:
        """Return how long a key that failed at ``since`` has still to wait."""
        entry = self._entries.get(key)
        if entry is None or since - entry.updated > 2 * MOST_S:
            return 0.0
        return max(0.0, since + entry.delay_s - now)

    def next(self, key: str, since: float, now: float) -> None:
        """Count another try of a key that failed at ``since``."""
        entry = self._entries.get(key)
        if entry is None or since - entry.updated > 2 * MOST_S:
            self._entries[key] = _Entry(INITIAL_S, now)
        else:
            entry.delay_s = min(MOST_S, 2 * entry.delay_s)
            entry.updated = now

    def forget(self, key: str) -> None:
        """Begin anew."""
        self._entries.pop(key, None)
