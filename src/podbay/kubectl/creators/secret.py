"""``create secret``: which kinds there are; and what those share."""

import base64
from collections.abc import Mapping
from typing import Any

from podbay.api.resources import SECRETS
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators.hashes import hash_of
from podbay.kubectl.creators.making import create
from podbay.kubectl.errors import HelpWanted, UsageError
from podbay.kubectl.flags import Parsed, parse

FLAGS = ()


def run(words: list[str]) -> int:
    """Run the command without a kind."""
    flags = parse(SENDING, words)
    if flags.words:
        raise UsageError(f'unknown command "{" ".join(flags.words)}"', command="create secret")
    raise HelpWanted(1)


def create_secret(flags: Parsed, name: str, kind: str, data: Mapping[str, bytes], failing: str) -> int:
    """Create a secret; ``failing`` begins the error when the server refuses it."""
    encoded = {key: base64.b64encode(value).decode() for key, value in sorted(data.items())}
    fields: dict[str, Any] = {"data": encoded} if encoded else {}
    if kind:
        fields["type"] = kind
    if flags["append-hash"]:
        name = f"{name}-{hash_of({'kind': 'Secret', 'type': kind, 'name': name, 'data': encoded or None})}"
    return create(flags, SECRETS, name, fields, plain={}, failing=failing)
