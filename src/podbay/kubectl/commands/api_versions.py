"""``api-versions``: the groups and versions that the server serves."""

import sys

from podbay.kubectl.commands.api_resources import discovered
from podbay.kubectl.errors import UsageError
from podbay.kubectl.flags import parse
from podbay.kubectl.session import Session

FLAGS = ()


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise UsageError(f"unexpected arguments: [{' '.join(flags.words)}]", command="api-versions")
    found = {f"{r['group']}/{r['version']}" if r["group"] else r["version"] for r in discovered(Session(flags))}
    sys.stdout.write("".join(f"{version}\n" for version in sorted(found)))
    return 0
