"""``cluster-info``: where the control plane is."""

import sys

from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import parse
from podbay.kubectl.session import Session

FLAGS = ()


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise CommandError(f"podbay does not have cluster-info {flags.words[0]} yet")
    session = Session(flags)
    session.send("GET", "/version")
    sys.stdout.write(f"Kubernetes control plane is running at {session.config.server}\n")
    return 0
