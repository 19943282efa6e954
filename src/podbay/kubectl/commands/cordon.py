"""``cordon`` and ``uncordon``: keep new pods off a node, or let them on again."""

import sys

from podbay.api.resources import NODES
from podbay.client.requests import STRATEGIC, path
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import parse
from podbay.kubectl.session import Session


def run(words: list[str]) -> int:
    """Run ``cordon``."""
    return cordon(words, wanted=True)


def cordon(words: list[str], *, wanted: bool) -> int:
    """Set whether nodes are unschedulable."""
    flags = parse((), words)
    if not flags.words:
        raise CommandError(f"USAGE: {'cordon' if wanted else 'uncordon'} NODE [flags]")
    session = Session(flags)
    done = "cordoned" if wanted else "uncordoned"
    for word in flags.words:
        name = word.rpartition("/")[2]
        node = session.get(NODES, name)
        if bool((node.get("spec") or {}).get("unschedulable")) == wanted:
            sys.stdout.write(f"node/{name} already {done}\n")
            continue
        change = {"spec": {"unschedulable": True if wanted else None}}
        session.send("PATCH", path(NODES, name=name), body=change, content_type=STRATEGIC)
        sys.stdout.write(f"node/{name} {done}\n")
    return 0
