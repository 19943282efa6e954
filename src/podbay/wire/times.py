"""Times as Kubernetes writes them: RFC 3339 in UTC, whole seconds (Time) or microseconds (MicroTime).

Takes and gives aware datetimes. Source: RFC 3339; apimachinery's meta/v1 Time and MicroTime.
"""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)"  # fraction up to nanoseconds
)


def format_time(moment: datetime) -> str:
    """Return a Time: ``2026-01-01T00:00:00Z``; fractions are cut off."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime) -> str:
    """Return a MicroTime: ``2026-01-01T00:00:00.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def format_nano_time(nanoseconds: int) -> str:
    """Return nanoseconds since the epoch as a Time (whole seconds)."""
    return format_time(datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC))


def parse_time(text: str) -> datetime:
    """Return the moment of a Time or MicroTime; ValueError if it is neither."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"')
    fraction = (match[7] or "").ljust(6, "0")[:6]
    zone = "+00:00" if match[8] in "Zz" else match[8]
    return datetime.fromisoformat(
        f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6]}.{fraction}{zone}"
    ).astimezone(UTC)
