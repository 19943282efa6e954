"""Which command line goes where: cluster life to this floor, kubectl's verbs to ``kubectl``.

Takes the words after ``podbay``; gives an exit code.
"""

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    raise SystemExit(f"podbay: unknown command {' '.join(arguments)!r}")
