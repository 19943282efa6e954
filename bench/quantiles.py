"""Quantiles of measured times. Pure."""

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of all values do not exceed. Raises ValueError if empty."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the 50 % quantile."""
    return quantile(values, 0.5)


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of pairs that were measured one after the other.

    The machine's speed drifts; within a pair it is the same.
    """
    return median([a / b for a, b in zip(ours, theirs, strict=True)])
