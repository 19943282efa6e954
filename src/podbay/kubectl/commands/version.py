"""``version``: the client's and the server's.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_version/
"""

import sys
from json import dumps as json_text
from typing import Any, Final

from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.session import Session
from podbay.wire import json

FLAGS: Final = (
    Flag(name="client", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
)
CLIENT: Final = "v1.33.1"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise CommandError(f"extra arguments: [{' '.join(flags.words)}]")
    if flags["output"] not in ("", "json", "yaml"):
        raise CommandError("--output must be 'yaml' or 'json'")
    found: dict[str, Any] = {
        "clientVersion": {"major": "1", "minor": "33", "gitVersion": CLIENT},
    }
    if not flags["client"]:
        found["serverVersion"] = json.decode(Session(flags).send("GET", "/version"))
    if flags["output"]:
        if flags["output"] == "json":
            sys.stdout.write(json_text(found, indent=2) + "\n")
            return 0
        from podbay.wire import yaml

        sys.stdout.write(yaml.dump(found) + "\n")
        return 0
    sys.stdout.write(f"Client Version: {CLIENT}\n")
    if "serverVersion" in found:
        sys.stdout.write(f"Server Version: {found['serverVersion']['gitVersion']}\n")
    return 0
