"""One command at a time: a directory that is held, without a file that would be left behind.

Takes a directory; gives a block in which nobody else holds it.
Source: flock(2).
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def holding(directory: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a directory, made if it is not there; ``waiting`` is called if somebody else holds it."""
    descriptor = _hold(directory, waiting)
    try:
        yield
    finally:
        os.close(descriptor)


def _hold(directory: Path, waiting: Callable[[], None]) -> int:
    while True:
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(directory).st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed while we waited: hold the one that is there now
