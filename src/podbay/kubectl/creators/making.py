"""What all creators share: the name, the namespace, sending, and telling what was made.

Takes a kind's own fields; gives the object to the server, or as text. Fields stand in the order of kubectl's types.
"""

from collections.abc import Mapping
from typing import Any

from podbay.api.errors import StatusError
from podbay.api.resources import Resource
from podbay.kubectl.commands.create import dry_run, send_created, tell
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Parsed
from podbay.kubectl.last_applied import LAST_APPLIED
from podbay.kubectl.session import Object, Session
from podbay.wire import json


def name_of_one(words: list[str], command: str) -> str:
    """Return the one name that a creator takes. Raises UsageError."""
    if len(words) != 1:
        raise UsageError(f"exactly one NAME is required, got {len(words)}", command=command)
    return words[0]


def create(
    flags: Parsed, resource: Resource, name: str, fields: Mapping[str, Any], *, failing: str = "", plain: Object
) -> int:
    """Create an object. ``plain`` are the empty fields that kubectl prints; ``failing`` begins its error."""
    metadata: Object = {"name": name}
    if resource.namespaced and flags["namespace"]:
        metadata["namespace"] = flags["namespace"]
    metadata["creationTimestamp"] = None
    obj: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata, **fields, **plain}
    if flags["save-config"]:
        metadata["annotations"] = {LAST_APPLIED: json.encode(obj).decode() + "\n"}
    mode = dry_run(flags)
    made = obj
    if mode != "client":
        try:
            made = json.decode(send_created(Session(flags), flags, resource, obj, mode))
        except StatusError as error:
            if failing:
                raise CommandError(f"{failing} {error.message}") from None
            raise
    tell(flags, made, "created", mode, typed=mode == "client")
    return 0
