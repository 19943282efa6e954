"""``cluster-info``: where the control plane is."""

import sys

from podbay.kubectl.flags import parse
from podbay.kubectl.session import Session


def run(words: list[str]) -> int:
    """Run the command."""
    session = Session(parse((), words))
    session.send("GET", "/version")
    sys.stdout.write(f"Kubernetes control plane is running at {session.config.server}\n\n")
    sys.stdout.write(
        "To further debug and diagnose cluster problems, use 'podbay cluster-info dump'.\n".replace(
            "podbay cluster-info dump", "podbay describe nodes"
        )
    )
    return 0
