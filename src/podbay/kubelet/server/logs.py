"""Container logs: CRI's log files read back as what the container wrote.

Takes a file of lines ``TIME STREAM TAG TEXT`` and the options of ``kubectl logs``; gives the text in chunks, and goes
on as the file grows if asked to follow, and over to the next file when that one was moved aside.
Invariant: partial lines (tag ``P``) are joined; a limit in bytes cuts exactly there; who follows gets every line once.
Source: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from podbay.kubelet import log_files
from podbay.lib.clock import Clock
from podbay.wire.times import parse_time

_BLOCK_BYTES: Final = 64 * 1024
_POLL_S: Final = 0.1
_SETTLE_S: Final = 1.0  # after a new file was begun, the runtime may still finish the old one


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What of a log is wanted."""

    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: datetime | None = None
    limit_bytes: int | None = None

    @classmethod
    def of_query(cls, query: Mapping[str, str], now: datetime) -> "LogOptions":
        """Return the options of a request's query. Raises ValueError."""
        since = None
        if query.get("sinceTime"):
            since = parse_time(query["sinceTime"])
        elif query.get("sinceSeconds"):
            since = now - timedelta(seconds=int(query["sinceSeconds"]))
        tail = int(query["tailLines"]) if query.get("tailLines") else None
        limit = int(query["limitBytes"]) if query.get("limitBytes") else None
        if (tail is not None and tail < 0) or (limit is not None and limit < 1):
            raise ValueError("tailLines must not be negative, limitBytes must be positive")
        return cls(
            follow=query.get("follow", "") in ("true", "1"),
            timestamps=query.get("timestamps", "") in ("true", "1"),
            tail=tail,
            since=since,
            limit_bytes=limit,
        )


async def read_log(path: Path, options: LogOptions, clock: Clock, is_over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Yield a log's text. When following, end once ``is_over`` and the file's end is reached.

    Raises FileNotFoundError. Closing the iterator ends it.
    """
    left = options.limit_bytes
    fresh = True  # the next text begins a line
    async with aclosing(_lines(path, options, clock, is_over)) as blocks:
        async for lines in blocks:
            out = []
            for line in lines:
                text, fresh = _text(line, options, fresh=fresh)
                out.append(text)
            chunk = b"".join(out)
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            if chunk:
                yield chunk
            if left == 0:
                return


async def _lines(
    path: Path, options: LogOptions, clock: Clock, is_over: Callable[[], bool]
) -> AsyncGenerator[list[bytes], None]:
    """Yield a log's lines as they are there, some at a time."""
    file: BinaryIO = path.open("rb")
    try:
        if options.tail is not None:
            file.seek(tail_position(file.fileno(), options.tail))
        rest = b""
        settled_at: float | None = None
        while True:
            over = is_over()
            left = options.follow and log_files.is_left(path, file)
            block = file.read(_BLOCK_BYTES)
            if block:
                *lines, rest = (rest + block).split(b"\n")
                yield lines
                settled_at = None
                continue
            if not options.follow:
                return
            now = clock.monotonic()
            if not left:
                if over:
                    return
            elif not over and settled_at is None and log_files.following(path, file) == path:
                settled_at = now + _SETTLE_S
            elif over or settled_at is None or now >= settled_at:
                following = _next(path, file)
                if following is None:
                    return  # removed: nobody writes it any more
                file.close()
                file, rest, settled_at = following, b"", None
                continue
            await clock.sleep(_POLL_S)
    finally:
        file.close()


def _next(path: Path, file: BinaryIO) -> BinaryIO | None:
    """Open the file that comes after one that was moved aside, or None if there is none."""
    while (following := log_files.following(path, file)) is not None:
        with suppress(FileNotFoundError):  # it was moved aside or compressed just now, and has another name
            return log_files.open_log(following)
    return None


def _text(line: bytes, options: LogOptions, *, fresh: bool) -> tuple[bytes, bool]:
    """Return what one line of the file says, and whether the next one begins a line of the log."""
    parts = line.split(b" ", 3)
    if len(parts) < 3:
        return b"", fresh
    moment, _, tag = parts[:3]
    text = parts[3] if len(parts) > 3 else b""
    partial = tag.startswith(b"P")
    if options.since is not None:
        try:
            if parse_time(moment.decode()) < options.since:
                return b"", not partial
        except ValueError:
            return b"", fresh
    head = _fixed(moment) + b" " if options.timestamps and fresh else b""
    return head + text + (b"" if partial else b"\n"), not partial


def _fixed(moment: bytes) -> bytes:
    """Return an RFC 3339 time with all nine digits of its second; the runtime leaves trailing zeros out."""
    text, zone = (moment[:-1], b"Z") if moment.endswith(b"Z") else (moment[:-6], moment[-6:])
    second, _, fraction = text.partition(b".")
    return second + b"." + fraction.ljust(9, b"0") + (b"Z" if zone == b"+00:00" else zone)


def tail_position(descriptor: int, lines: int) -> int:
    """Return where the last complete lines of a file begin."""
    size = os.fstat(descriptor).st_size
    if lines == 0:
        return size
    position, found = size, 0
    while position > 0:
        start = max(0, position - _BLOCK_BYTES)
        block = os.pread(descriptor, position - start, start)
        at = len(block)
        while True:
            at = block.rfind(b"\n", 0, at)
            if at < 0:
                break
            if start + at + 1 == size:
                continue
            found += 1
            if found == lines:
                return start + at + 1
        position = start
    return 0
