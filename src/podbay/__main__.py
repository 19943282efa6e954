"""The ``podbay`` command: cluster-life commands go to ``standalone``, kubectl's verbs to ``kubectl``.

Imports nothing heavy before it knows the command, so that start-up stays as quick as kubectl's.
"""

import sys


def main() -> int:
    """Run one command line and return its exit code."""
    from podbay.standalone.commands import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
