"""How little of something a node may have left before pods have to go.

Pure. Takes settings in upstream's form (``memory.available`` -> ``100Mi``, ``nodefs.available`` -> ``10%``) and what is
left of each; gives the thresholds that are crossed.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#eviction-signals-and-thresholds
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podbay.api.quantity import Format, Quantity
from podbay.kubelet.stats.samples import Filesystem, Sample
from podbay.wire.durations import parse_duration

DEFAULT_HARD: Final[Mapping[str, str]] = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
_SIGNALS: Final[Mapping[str, tuple[str, str]]] = {  # signal -> the resource that it is about, the node's condition
    "memory.available": ("memory", "MemoryPressure"),
    "nodefs.available": ("ephemeral-storage", "DiskPressure"),
    "nodefs.inodesFree": ("inodes", "DiskPressure"),
    "imagefs.available": ("ephemeral-storage", "DiskPressure"),
    "imagefs.inodesFree": ("inodes", "DiskPressure"),
    "pid.available": ("pids", "PIDPressure"),
}
_OFF: Final = ("0%", "100%")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount, or a share of all that there is."""

    quantity: Quantity | None
    share: float = 0.0

    def of(self, capacity: int) -> Quantity:
        """Return the amount, where there is so much altogether."""
        return self.quantity if self.quantity is not None else Quantity.of(int(capacity * self.share), Format.BINARY_SI)


@dataclass(frozen=True, slots=True)
class Threshold:
    """``grace_s`` 0 is a hard one: pods go at once. ``reclaim`` is how much more there must be before it is over."""

    signal: str
    amount: Amount
    grace_s: float = 0.0
    reclaim: Amount | None = None

    @property
    def is_hard(self) -> bool:
        """Tell whether pods go at once."""
        return self.grace_s == 0

    @property
    def resource(self) -> str:
        """Return what there is too little of."""
        return _SIGNALS[self.signal][0]

    @property
    def condition(self) -> str:
        """Return the node's condition while it is crossed."""
        return _SIGNALS[self.signal][1]


@dataclass(frozen=True, slots=True)
class Observation:
    """How much is left of something, and how much there is altogether."""

    available: int
    capacity: int
    form: Format = Format.BINARY_SI


def parse_thresholds(
    hard: Mapping[str, str],
    soft: Mapping[str, str],
    grace_periods: Mapping[str, str],
    least_reclaims: Mapping[str, str],
) -> tuple[Threshold, ...]:
    """Return what settings say. Raises ValueError in upstream's words."""
    reclaims = {signal: _amount(signal, text, least=0) for signal, text in least_reclaims.items()}
    found = [
        Threshold(signal, _amount(signal, text, least=1), reclaim=reclaims.get(signal))
        for signal, text in hard.items()
        if text not in _OFF
    ]
    periods = {_known(signal): parse_duration(text) for signal, text in grace_periods.items()}
    for signal, text in soft.items():
        if text in _OFF:
            continue
        amount = _amount(signal, text, least=1)
        if signal not in periods:
            raise ValueError(f"grace period must be specified for the soft eviction threshold {signal}")
        if periods[signal] <= 0:
            raise ValueError(f"invalid eviction grace period: {grace_periods[signal]}, must be a positive value")
        found.append(Threshold(signal, amount, periods[signal], reclaims.get(signal)))
    return tuple(found)


def observations(sample: Sample) -> dict[str, Observation]:
    """Return what is left of what was measured, by signal."""
    node = sample.node
    found = {"nodefs.available": _bytes(node.filesystem), "nodefs.inodesFree": _inodes(node.filesystem)}
    if node.usage is not None:
        available = max(0, node.memory_bytes - node.usage.working_set_bytes)
        found["memory.available"] = Observation(available, node.memory_bytes)
    if node.image_filesystem is not None:
        found["imagefs.available"] = _bytes(node.image_filesystem)
        found["imagefs.inodesFree"] = _inodes(node.image_filesystem)
    if node.most_processes:
        left = node.most_processes - node.processes
        found["pid.available"] = Observation(left, node.most_processes, Format.DECIMAL_SI)
    return {signal: seen for signal, seen in found.items() if seen.capacity > 0}


def crossed(
    thresholds: Iterable[Threshold], seen: Mapping[str, Observation], *, with_reclaim: bool = False
) -> Sequence[Threshold]:
    """Return the thresholds below which something is; ``with_reclaim`` also those that are not over yet."""
    return [
        threshold
        for threshold in thresholds
        if threshold.signal in seen
        and Quantity.of(seen[threshold.signal].available)
        < _least(threshold, seen[threshold.signal], with_reclaim=with_reclaim)
    ]


def reserved(thresholds: Iterable[Threshold], signal: str, capacity: int) -> int:
    """Return how much of a capacity hard thresholds keep from pods."""
    return next((t.amount.of(capacity).value for t in thresholds if t.is_hard and t.signal == signal), 0)


def _least(threshold: Threshold, seen: Observation, *, with_reclaim: bool) -> Quantity:
    least = threshold.amount.of(seen.capacity)
    return least + threshold.reclaim.of(seen.capacity) if with_reclaim and threshold.reclaim is not None else least


def _amount(signal: str, text: str, *, least: int) -> Amount:
    _known(signal)
    if text.endswith("%"):
        try:
            share = float(text[:-1])
        except ValueError:
            raise ValueError(f"invalid percentage {text}") from None
        if not 0 <= share <= 100:
            bound = "must be >= 0%" if share < 0 else "must be <= 100%"
            raise ValueError(f"eviction percentage threshold {signal} {bound}: {text}")
        return Amount(None, share / 100)
    quantity = Quantity.parse(text)
    if quantity < Quantity.of(0) or (least and not quantity):
        raise ValueError(f"eviction threshold {signal} must be positive: {quantity}")
    return Amount(quantity)


def _known(signal: str) -> str:
    if signal not in _SIGNALS:
        raise ValueError(f"unsupported eviction signal {signal}")
    return signal


def _bytes(filesystem: Filesystem) -> Observation:
    return Observation(filesystem.available_bytes, filesystem.capacity_bytes)


def _inodes(filesystem: Filesystem) -> Observation:
    return Observation(filesystem.inodes_free, filesystem.inodes, Format.DECIMAL_SI)
