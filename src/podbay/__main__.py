"""The ``podbay`` command: cluster-life commands go to ``standalone``, kubectl's verbs to ``kubectl``.

Imports nothing heavy before it knows the command, so that start-up stays as quick as kubectl's.
"""

import gc
import sys
from typing import Final

# What imports and requests allocate frees itself: JSON has no cycles. Collecting as often as Python does by itself
# takes an eighth of a start and of a created pod, and each full collection holds up a server of 5,000 pods for 0.4 s.
_COLLECT: Final = (50_000, 20, 100)


def main() -> int:
    """Run one command line and return its exit code."""
    gc.set_threshold(*_COLLECT)
    from podbay.standalone.commands import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
