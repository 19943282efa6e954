"""What ``label`` and ``annotate`` share: pairs to set, keys to remove, and when to refuse.

Takes words; sends one merge patch per object. Nothing is sent if anything is wrong.
"""

import sys
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.names import label_value_problems
from podbay.api.resources import Resource
from podbay.client.requests import MERGE, path
from podbay.kubectl.commands.create import dry_run
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.printers.objects import name_of, printer
from podbay.kubectl.selection import selected
from podbay.kubectl.session import Object, Session, server_error
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
    Flag(name="output", short="o", default=""),
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="local", kind="bool", default=False),
)


def run_marks(words: list[str], part: str, done: str, undone: str) -> int:
    """Run one of the two commands; ``part`` is the metadata field."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    resources, pairs = _split(flags.words)
    wanted, removed = _pairs(pairs, part)
    if not wanted and not removed and not flags["list"]:
        raise CommandError(f"at least one {part[:-1]} update is required")
    code = 0
    for resource, namespace, name in _targets(session, flags, resources):
        try:
            _mark(session, flags, (resource, namespace, name), part, (wanted, removed), (done, undone))
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error) + "\n")
            code = 1
    return code


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words that name objects and those that are changes."""
    position = next((i for i, word in enumerate(words) if "=" in word or word.endswith("-")), len(words))
    for word in words[position:]:
        if "=" not in word and not word.endswith("-"):
            raise CommandError(f"all resources must be specified before label changes: {word}")
    return words[:position], words[position:]


def _pairs(words: list[str], part: str) -> tuple[dict[str, str], list[str]]:
    wanted: dict[str, str] = {}
    removed: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            removed.append(word[:-1])
            continue
        if part == "labels":
            problems = label_value_problems(value)
            if problems:
                raise CommandError(f'invalid label value: "{word}": {"; ".join(problems)}')
        wanted[key] = value
    both = [key for key in wanted if key in removed]
    if both:
        raise CommandError(
            f"can not both modify and remove {'a label' if part == 'labels' else 'an annotation'} in the same command"
        )
    return wanted, removed


def _targets(session: Session, flags: Parsed, words: list[str]) -> list[tuple[Resource, str, str]]:
    if flags["filename"]:
        found = []
        for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
            metadata = manifest.obj.get("metadata") or {}
            place = (metadata.get("namespace") or session.namespace) if manifest.resource.namespaced else ""
            found.append((manifest.resource, place, metadata.get("name", "")))
        return found
    if not words:
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    found = []
    for target in selected(words):
        namespace = "" if flags["all-namespaces"] else session.namespace_for(target.resource)
        if target.name:
            found.append((target.resource, namespace, target.name))
            continue
        if not (flags["all"] or flags["selector"] or flags["field-selector"]):
            raise CommandError("resource(s) were provided, but no name was specified")
        query = {"labelSelector": flags["selector"] or None, "fieldSelector": flags["field-selector"] or None}
        for item in session.list(target.resource, namespace, query)["items"]:
            found.append((target.resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    if not found:
        sys.stdout.write("No resources found\n")
    return found


def _labeled(old: dict[str, str], new: dict[str, str], flags: Parsed, told: tuple[str, str]) -> str:
    """Return kubectl's word for a change. It looks at the encoded sizes, and an empty map differs from none."""
    if old and old == new:
        return "not labeled"
    shorter = bool(old) and len(json.encode(new)) < len(json.encode(old))
    return told[1] if shorter and not flags["overwrite"] else told[0]


def _mark(
    session: Session,
    flags: Parsed,
    target: tuple[Resource, str, str],
    part: str,
    changes: tuple[dict[str, str], list[str]],
    told: tuple[str, str],
) -> None:
    resource, namespace, name = target
    wanted, removed = changes
    obj = session.get(resource, name, namespace)
    current: dict[str, str] = obj["metadata"].get(part) or {}
    if flags["list"]:
        for key, value in sorted(current.items()):
            sys.stdout.write(f"{key}={value}\n")
        return
    if not flags["overwrite"]:
        clashes = [key for key, value in wanted.items() if key in current and current[key] != value]
        if clashes:
            texts = (
                [f"'{key}' already has a value ({current[key]}), and --overwrite is false" for key in clashes]
                if part == "labels"
                else [
                    "--overwrite is false but found the following declared annotation(s): "
                    + "; ".join(f"'{key}' already has a value ({current[key]})" for key in clashes)
                ]
            )
            raise CommandError("; ".join(texts))
    absent = [key for key in removed if key not in current]
    for key in absent:
        if part == "labels":
            sys.stdout.write(f'label "{key}" not found.\n')
    patch: dict[str, Any] = {**wanted, **dict.fromkeys((k for k in removed if k in current), None)}
    unchanged = all(current.get(key) == value for key, value in wanted.items()) and not set(removed) - set(absent)
    mode = dry_run(flags)
    result: Object = obj
    if mode != "client" and (not unchanged or part == "annotations"):
        query = {
            "dryRun": "All" if mode == "server" else None,
            "fieldManager": "kubectl-label" if part == "labels" else "kubectl-annotate",
        }
        body: Object = {"metadata": {part: patch}}
        if flags["resource-version"]:
            body["metadata"]["resourceVersion"] = flags["resource-version"]
        url = path(resource, namespace=namespace, name=name)
        result = json.decode(session.send("PATCH", url, query, body=body, content_type=MERGE))
    if flags["output"]:
        sys.stdout.write(printer(flags["output"])(result))
        return
    word = told[0]
    if part == "labels":
        word = _labeled(current, {k: v for k, v in (current | wanted).items() if k not in removed}, flags, told)
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(mode, "")
    sys.stdout.write(f"{name_of(obj)} {word}{suffix}\n")
