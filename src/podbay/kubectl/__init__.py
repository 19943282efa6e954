"""kubectl's verbs: flags, output and exit codes as kubectl 1.33 has them.

Takes a command line; talks to an API server, one request after the other; gives text and an exit code. Commands are in
``commands/``, one file each, and imported when they are asked for; what they print is made in ``printers/``.
Source: https://kubernetes.io/docs/reference/kubectl/
"""

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from podbay.kubectl.dispatch import dispatch
    from podbay.wire import json

    json.be_light()
    return dispatch(list(arguments))
