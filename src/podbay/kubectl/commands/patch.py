"""``patch``: change fields of objects by a strategic, a merge or a JSON patch.

Takes a patch as text or file; sends it to each object, or with ``--dry-run=client`` applies it here.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_patch/
"""

import sys
from pathlib import Path
from typing import Any, Final

from podbay.api import schema
from podbay.api.errors import StatusError
from podbay.api.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from podbay.client.requests import JSON_PATCH, MERGE, STRATEGIC, path
from podbay.kubectl.commands.create import SENDING, dry_run, tell
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.session import Object, Session, server_error
from podbay.kubectl.targets import Target, targets_of
from podbay.wire import json

FLAGS: Final = (
    *(flag for flag in SENDING if flag.name not in ("validate", "save-config", "field-manager")),
    Flag(name="field-manager", default="kubectl-patch"),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="patch", short="p", default=""),
    Flag(name="patch-file", default=""),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="subresource", default=""),
    Flag(name="type", default="strategic"),
)
_TYPES: Final = {"json": JSON_PATCH, "merge": MERGE, "strategic": STRATEGIC}


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    kind = str(flags["type"]).lower()
    if kind not in _TYPES:
        raise CommandError(f'--type must be one of [json merge strategic], not "{kind}"')
    change = _change(flags)
    session = Session(flags)
    code = 0
    for target in targets_of(session, flags, flags.words):
        try:
            _patch(session, flags, target, kind, change)
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error) + "\n")
            code = 1
    return code


def _change(flags: Parsed) -> Any:
    if flags["patch"] and flags["patch-file"]:
        raise CommandError("cannot specify --patch and --patch-file together")
    if flags["patch"]:
        text = flags["patch"].encode()
    elif flags["patch-file"]:
        file = flags["patch-file"]
        try:
            text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            raise CommandError(f"unable to read patch file: open {file}: {(error.strerror or '').lower()}") from None
    else:
        raise CommandError("must specify --patch or --patch-file containing the contents of the patch")
    try:
        return json.decode(text)
    except ValueError:
        from podbay.wire import yaml

        try:
            return next(yaml.load_all(text), None)
        except ValueError as error:
            raise CommandError(f'unable to parse "{text.decode("utf-8", "replace")}": {error}') from None


def _patch(session: Session, flags: Parsed, target: Target, kind: str, change: Any) -> None:
    mode = dry_run(flags)
    url = path(target.resource, namespace=target.namespace, name=target.name, subresource=flags["subresource"])
    before: Object = json.decode(session.send("GET", url))
    if mode == "client":
        after = _patched(target, before, kind, change)
    else:
        query = {"dryRun": "All" if mode == "server" else None, "fieldManager": flags["field-manager"]}
        after = json.decode(session.send("PATCH", url, query, body=change, content_type=_TYPES[kind]))
    tell(flags, after, "patched" if after != before else "patched (no change)", "none")


def _patched(target: Target, obj: Object, kind: str, change: Any) -> Object:
    resource = target.resource
    try:
        match kind:
            case "json":
                found: Any = json_patch(obj, change)
            case "merge":
                found = merge_patch(obj, change)
            case _:
                found = strategic_merge_patch(obj, change, schema.definition(resource.api_version, resource.kind))
    except PatchError as error:
        raise CommandError(str(error)) from None
    result: Object = found
    return result
