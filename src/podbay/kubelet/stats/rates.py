"""How much of the processors is used: the difference of two measurements over the time between them.

Takes counters by cgroup; gives nano cores, or None until there were two.
Invariant: a rate covers about ten seconds where the cgroup is old enough, however often somebody looks; a counter that
went back starts anew.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from podbay.kubelet.stats.samples import CgroupUsage

_WINDOW_S: Final = 9.0  # less than the ten seconds between two measurements, which are never quite ten
_FIRST_WINDOW_S: Final = 1.0


@dataclass(slots=True)
class _Base:
    at: float
    cpu_ns: int
    nano_cores: int | None


class Rates:
    """See the module."""

    def __init__(self) -> None:
        self._bases: dict[str, _Base] = {}

    def rated(self, path: str, usage: CgroupUsage | None) -> CgroupUsage | None:
        """Return a cgroup's usage with its rate."""
        if usage is None:
            return None
        base = self._bases.get(path)
        if base is None or usage.cpu_ns < base.cpu_ns or usage.at < base.at:
            base = self._bases[path] = _Base(usage.at, usage.cpu_ns, None)
        window_s = usage.at - base.at
        if window_s >= (_FIRST_WINDOW_S if base.nano_cores is None else _WINDOW_S):
            rate = int((usage.cpu_ns - base.cpu_ns) / window_s)
            base = self._bases[path] = _Base(usage.at, usage.cpu_ns, rate)
        return replace(usage, nano_cores=base.nano_cores)

    def keep(self, paths: Collection[str]) -> None:
        """Forget every other cgroup."""
        self._bases = {path: base for path, base in self._bases.items() if path in paths}
