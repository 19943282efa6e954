"""``api-versions``: the groups and versions that the server serves."""

import sys

from podbay.kubectl.commands.api_resources import discovered
from podbay.kubectl.flags import parse
from podbay.kubectl.session import Session


def run(words: list[str]) -> int:
    """Run the command."""
    found = {
        f"{r['group']}/{r['version']}" if r["group"] else r["version"] for r in discovered(Session(parse((), words)))
    }
    sys.stdout.write("".join(f"{version}\n" for version in sorted(found)))
    return 0
