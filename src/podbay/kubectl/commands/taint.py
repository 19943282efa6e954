"""``taint``: what keeps pods off nodes.

Takes ``KEY=VALUE:EFFECT`` to set and ``KEY[:EFFECT]-`` to remove; sends one patch for each node.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_taint/
"""

from typing import Any, Final, NamedTuple

from podbay.api.names import label_value_problems, qualified_name_problems
from podbay.api.resources import NODES
from podbay.client.requests import MERGE, path
from podbay.kubectl.commands.create import SENDING, dry_run, tell
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.session import Object, Session, find_resource
from podbay.kubectl.targets import Target, targets_of
from podbay.wire import json

FLAGS: Final = (
    *(flag for flag in SENDING if flag.name not in ("save-config", "field-manager", "validate")),
    Flag(name="all", kind="bool", default=False),
    Flag(name="field-manager", default="kubectl-taint"),
    Flag(name="overwrite", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
)
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class Change(NamedTuple):
    """One taint to set or to remove (any effect, if none is named)."""

    key: str
    value: str
    effect: str
    removes: bool


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if not flags.words:
        raise CommandError("one or more resources must be specified as <resource> <name>")
    kind, *rest = flags.words
    if find_resource(kind) is not NODES:
        raise CommandError(f"invalid resource type {kind}, only node types are supported")
    names = [word for word in rest if not _is_change(word)]
    changes = [_parsed(word) for word in rest if _is_change(word)]
    if not changes:
        raise CommandError("at least one taint update is required")
    session = Session(flags)
    flags.values["filename"] = []
    for target in targets_of(session, flags, [kind, *names]):
        _taint(session, flags, target, changes)
    return 0


def _is_change(word: str) -> bool:
    return "=" in word or ":" in word or word.endswith("-")


def _parsed(word: str) -> Change:
    removes = word.endswith("-")
    spec, colon, effect = word.removesuffix("-").partition(":") if removes else word.partition(":")
    key, _, value = spec.partition("=")
    problems = qualified_name_problems(key if colon or removes else spec) or label_value_problems(value)
    if problems:
        raise UsageError(f"invalid taint spec: {word}, {'; '.join(problems)}", command="taint")
    if (colon or not removes) and effect not in _EFFECTS:
        raise UsageError(f"invalid taint effect: {effect}, unsupported taint effect", command="taint")
    return Change(key, value, effect, removes)


def _taint(session: Session, flags: Parsed, target: Target, changes: list[Change]) -> None:
    mode = dry_run(flags)
    node = session.get(NODES, target.name)
    taints: list[Object] = list((node.get("spec") or {}).get("taints") or [])
    taints, done = changed(taints, changes, target.name, overwrite=flags["overwrite"])
    result = node
    if mode != "client":
        query = {"dryRun": "All" if mode == "server" else None, "fieldManager": flags["field-manager"]}
        version = node["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "spec": {"taints": taints or None}}
        url = path(NODES, name=target.name)
        result = json.decode(session.send("PATCH", url, query, body=body, content_type=MERGE))
    tell(flags, result, done, "none")


def changed(taints: list[Object], changes: list[Change], node: str, *, overwrite: bool) -> tuple[list[Object], str]:
    """Return the taints after the changes, and kubectl's word for what was done. Raises CommandError."""
    found = list(taints)
    done = "tainted"
    for change in changes:
        same = [t for t in found if t["key"] == change.key and change.effect in ("", t["effect"])]
        if change.removes:
            if not same:
                shown = f"{change.key}:{change.effect}" if change.effect else change.key
                raise CommandError(f'taint "{shown}" not found')
            found = [taint for taint in found if taint not in same]
            done = "untainted"
            continue
        if same and not overwrite:
            raise CommandError(
                f"node {node} already has {change.key} taint(s) with same effect(s) and --overwrite is false"
            )
        found = [taint for taint in found if taint not in same]
        made: dict[str, Any] = {"key": change.key, "effect": change.effect}
        found.append({**made, "value": change.value} if change.value else made)
        done = "modified" if same else done
    return found, done
