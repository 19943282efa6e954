"""``apply view-last-applied``: what was applied last.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_apply/kubectl_apply_view-last-applied/
"""

import json
import sys
from typing import Final

from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.last_applied import last_applied
from podbay.kubectl.session import Session
from podbay.kubectl.targets import targets_of

FLAGS: Final = (
    Flag(name="output", short="o", default="yaml"),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="all", kind="bool", default=False),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags["output"] not in ("yaml", "json"):
        raise CommandError(f"Unexpected -o output mode: {flags['output']}, the flag 'output' must be one of yaml|json")
    session = Session(flags)
    for target in targets_of(session, flags, flags.words):
        found = last_applied(session.get(target.resource, target.name, target.namespace))
        if found is None:
            raise CommandError(f"no last-applied-configuration annotation found on resource: {target.name}")
        if flags["output"] == "json":
            sys.stdout.write(json.dumps(found, indent=2) + "\n")
            continue
        from podbay.wire import yaml

        sys.stdout.write(yaml.dump(found))
    return 0
