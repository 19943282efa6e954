"""What sandboxes and containers have alike: an id, the time at which something happened to them, labels."""

import secrets
from collections.abc import Mapping

from podbay.lib.clock import Clock


def new_id() -> str:
    """Return an id that nothing has yet."""
    return secrets.token_hex(32)


def now_ns(clock: Clock) -> int:
    """Return the wall time in nanoseconds since the epoch."""
    # Made from whole microseconds: a float of nanoseconds since 1970 would not be exact.
    now = clock.now()
    return int(now.replace(microsecond=0).timestamp()) * 1_000_000_000 + now.microsecond * 1000


def has(labels: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    """Tell whether labels have all that is wanted; None wants nothing."""
    return all(labels.get(key) == value for key, value in (wanted or {}).items())
