"""Durations as Go prints them, because upstream's events and states carry them so.

Pure. Takes seconds; gives text like ``300ms``, ``1.5s`` or ``5m0s``. Source: https://pkg.go.dev/time#Duration.String
"""


def go_duration(seconds: float) -> str:
    """Return a duration, cut to the millisecond."""
    milliseconds = int(seconds * 1000 + 1e-6)
    if milliseconds == 0:
        return "0s"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes == 0:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
