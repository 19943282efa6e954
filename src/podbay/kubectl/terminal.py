"""The terminal that this process runs in: raw while a remote one is shown, restored afterwards.

Source: termios(3).
"""

import os
import sys
from types import TracebackType
from typing import Any, Self


class Terminal:
    """Use as ``with Terminal(raw=...)``. Restores the terminal whatever happens."""

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if self._raw:
            import termios
            import tty

            self._before = termios.tcgetattr(0)
            tty.setraw(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._before)


def size_of(descriptor: int) -> tuple[int, int] | None:
    """Return a terminal's columns and lines; None for what is no terminal."""
    try:
        return tuple(os.get_terminal_size(descriptor))  # type: ignore[return-value]  # a named pair of two ints
    except OSError:
        return None


def usable_tty(*, stdin: bool, tty: bool, quiet: bool = False) -> bool:
    """Tell whether a terminal can be used; say so on standard error if it was wanted and cannot."""
    if not stdin or not tty:
        return False
    if os.isatty(0):
        return True
    if not quiet:
        sys.stderr.write("Unable to use a TTY - input is not a terminal or the right kind of file\n")
    return False
