"""What ``label`` and ``annotate`` share: pairs to set, keys to remove, and when to refuse.

Takes words; sends one merge patch per object. Nothing is sent if anything is wrong.
"""

import sys
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.names import label_value_problems
from podbay.client.requests import MERGE, path
from podbay.kubectl.commands.create import SENDING, dry_run, tell
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.session import Object, Session, server_error
from podbay.kubectl.targets import Target, targets_of
from podbay.wire import json

FLAGS: Final = (
    Flag(name="overwrite", kind="bool", default=False),
    Flag(name="all", kind="bool", default=False),
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="field-selector", default=""),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="list", kind="bool", default=False),
    Flag(name="resource-version", default=""),
    *(flag for flag in SENDING if flag.name not in ("validate", "save-config", "field-manager")),
    Flag(name="local", kind="bool", default=False),
)


def run_marks(words: list[str], part: str, done: str, undone: str) -> int:
    """Run one of the two commands; ``part`` is the metadata field."""
    flags = parse(FLAGS, words)
    resources, pairs = _split(flags.words, part)
    wanted, removed = _pairs(pairs, part)
    if flags["local"] and not flags["filename"]:
        file = "pod" if part == "labels" else "rsrc"
        raise CommandError(
            f"can only use local files by -f {file}.yaml or --filename={file}.json when --local=true is set"
        )
    if not resources and not flags["filename"]:
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    if not wanted and not removed and not flags["list"]:
        raise CommandError(f"at least one {part[:-1]} update is required")
    if flags["local"]:
        return _mark_locally(flags, part, (wanted, removed), (done, undone))
    session = Session(flags)
    targets = targets_of(session, flags, resources)
    if flags["resource-version"] and (len(targets) > 1 or flags["all"] or flags["selector"]):
        raise CommandError("--resource-version may only be used with a single resource")
    code = 0
    for target in targets:
        try:
            obj = session.get(target.resource, target.name, target.namespace)
            if flags["list"]:
                _refuse_clashes(flags, part, obj["metadata"].get(part) or {}, wanted)
                _list(obj, part, (wanted, removed), titled=len(targets) > 1 or flags["all"])
            else:
                _mark(session, flags, target, obj, part, (wanted, removed), (done, undone))
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error) + "\n")
            code = 1
    return code


def _split(words: list[str], part: str) -> tuple[list[str], list[str]]:
    """Return the words that name objects and those that are changes."""
    position = next((i for i, word in enumerate(words) if _is_change(word)), len(words))
    for word in words[position:]:
        if not _is_change(word):
            raise CommandError(f"all resources must be specified before {part[:-1]} changes: {word}")
    return words[:position], words[position:]


def _is_change(word: str) -> bool:
    return ("=" in word) or word.endswith("-")


def _pairs(words: list[str], part: str) -> tuple[dict[str, str], list[str]]:
    wanted: dict[str, str] = {}
    removed: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            removed.append(word[:-1])
            continue
        if not key:
            continue  # kubectl takes it for no change at all
        if part == "labels":
            problems = label_value_problems(value)
            if problems:
                raise CommandError(f'invalid label value: "{word}": {"; ".join(problems)}')
        wanted[key] = value
    both = [key for key in wanted if key in removed]
    if both:
        raise CommandError(
            "can not both modify and remove a label in the same command"
            if part == "labels"
            else f"can not both modify and remove the following annotation(s) in the same command: {', '.join(both)}"
        )
    return wanted, removed


def _list(obj: Object, part: str, changes: tuple[dict[str, str], list[str]], *, titled: bool) -> None:
    """Print what there would be after the changes, which are not made."""
    if titled:
        group = str(obj.get("apiVersion", "")).rpartition("/")[0]
        sys.stdout.write(f"Listing {part} for {obj['kind']}.{group}/{obj['metadata']['name']}:\n")
    indent = " " if titled else ""
    for key, value in sorted(_changed(obj["metadata"].get(part) or {}, changes).items()):
        sys.stdout.write(f"{indent}{key}={value}\n")


def _mark_locally(flags: Parsed, part: str, changes: tuple[dict[str, str], list[str]], told: tuple[str, str]) -> int:
    """Change what manifests say, without a server."""
    from podbay.kubectl.manifests import read_manifests

    for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
        metadata = manifest.obj.get("metadata") or {}
        current: dict[str, str] = metadata.get(part) or {}
        _refuse_clashes(flags, part, current, changes[0])
        new = _changed(current, changes)
        tell(flags, {**manifest.obj, "metadata": {**metadata, part: new}}, told[0], "none")
    return 0


def _changed(current: dict[str, str], changes: tuple[dict[str, str], list[str]]) -> dict[str, str]:
    wanted, removed = changes
    return {key: value for key, value in {**current, **wanted}.items() if key not in removed}


def _refuse_clashes(flags: Parsed, part: str, current: dict[str, str], wanted: dict[str, str]) -> None:
    """Raise CommandError if something has a value already and may not be changed."""
    clashes = [key for key, value in wanted.items() if key in current and current[key] != value]
    if flags["overwrite"] or not clashes:
        return
    if part == "labels":
        raise CommandError(
            "; ".join(f"'{key}' already has a value ({current[key]}), and --overwrite is false" for key in clashes)
        )
    raise CommandError(
        "--overwrite is false but found the following declared annotation(s): "
        + "; ".join(f"'{key}' already has a value ({current[key]})" for key in clashes)
    )


def _labeled(old: dict[str, str], new: dict[str, str], flags: Parsed, told: tuple[str, str]) -> str:
    """Return kubectl's word for a change. It looks at the encoded sizes, and an empty map differs from none."""
    if old and old == new:
        return "not labeled"
    shorter = bool(old) and len(json.encode(new)) < len(json.encode(old))
    return told[1] if shorter and not flags["overwrite"] else told[0]


def _mark(
    session: Session,
    flags: Parsed,
    target: Target,
    obj: Object,
    part: str,
    changes: tuple[dict[str, str], list[str]],
    told: tuple[str, str],
) -> None:
    wanted, removed = changes
    current: dict[str, str] = obj["metadata"].get(part) or {}
    _refuse_clashes(flags, part, current, wanted)
    for key in removed:
        if key not in current and part == "labels":
            sys.stdout.write(f'label "{key}" not found.\n')
    new = _changed(current, changes)
    mode = dry_run(flags)
    result: Object = {**obj, "metadata": {**obj["metadata"], part: new}}
    if mode != "client" and (new != current or part == "annotations"):
        query = {
            "dryRun": "All" if mode == "server" else None,
            "fieldManager": "kubectl-label" if part == "labels" else "kubectl-annotate",
        }
        patch: dict[str, Any] = {**wanted, **dict.fromkeys((key for key in removed if key in current), None)}
        body: Object = {"metadata": {part: patch}}
        if flags["resource-version"]:
            body["metadata"]["resourceVersion"] = flags["resource-version"]
        url = path(target.resource, namespace=target.namespace, name=target.name)
        result = json.decode(session.send("PATCH", url, query, body=body, content_type=MERGE))
    tell(flags, result, _labeled(current, new, flags, told) if part == "labels" else told[0], mode)
