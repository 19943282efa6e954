"""The file that the audit log is in: opened for its owner only, appended to, and cut into files of a size.

Takes lines, on any one thread; gives nothing. An old file is beside the new one, with the time it ended in its name.
Invariant: a line is in the file whole or not at all, unless the machine itself fails.
Source: upstream's ``--audit-log-maxsize``, ``--audit-log-maxbackup`` and ``--audit-log-maxage``.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from podbay.lib.clock import Clock

STDOUT: Final = "-"
_TIME: Final = "%Y-%m-%dT%H-%M-%S"


class LogFile:
    """See the module. ``max_bytes`` 0 means one file for ever, 0 backups or no age that old files stay."""

    def __init__(self, path: str, clock: Clock, *, max_bytes: int = 0, backups: int = 0, age_days: int = 0) -> None:
        self._path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._backups = backups
        self._age_days = age_days
        self._file = -1
        self._size = 0
        self._is_regular = False

    def open(self) -> None:
        """Open the file, made if it is not there. Raises OSError."""
        if self._path == STDOUT:
            self._file = os.dup(1)
        else:
            Path(self._path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        found = os.fstat(self._file)
        self._is_regular = stat.S_ISREG(found.st_mode) and self._path != STDOUT
        self._size = found.st_size

    def write(self, line: bytes) -> None:
        """Append a line. Raises OSError; the next line is tried on the file as it is named then."""
        try:
            if self._file < 0:
                self.open()
            if self._is_regular and self._size and 0 < self._max_bytes < self._size + len(line):
                self._rotate()
            self._append(line)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _append(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            if written and self._is_regular:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _rotate(self) -> None:
        self.close()
        now = self._clock.now().astimezone(UTC)
        path = Path(self._path)
        while (aside := path.with_name(f"{path.stem}-{_stamp(now)}{path.suffix}")).exists():
            now += timedelta(milliseconds=1)
        with contextlib.suppress(FileNotFoundError):  # somebody else put it aside
            path.rename(aside)
        self.open()
        for old in self._outlived(now):
            old.unlink(missing_ok=True)

    def _outlived(self, now: datetime) -> Iterable[Path]:
        """Yield the old files that are too many, or too old."""
        path = Path(self._path)
        pattern = re.compile(
            rf"{re.escape(path.stem)}-(\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\d)\.(\d{{3}}){re.escape(path.suffix)}"
        )
        found = []
        for name in os.listdir(path.parent):
            if match := pattern.fullmatch(name):
                with contextlib.suppress(ValueError):
                    found.append((datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), name))
        found.sort(reverse=True)
        for index, (ended, name) in enumerate(found):
            is_old = self._age_days and ended < now - timedelta(days=self._age_days)
            if is_old or (self._backups and index >= self._backups):
                yield path.with_name(name)


def _stamp(moment: datetime) -> str:
    return f"{moment.strftime(_TIME)}.{moment.microsecond // 1000:03d}"
