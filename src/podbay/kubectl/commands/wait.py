"""``wait``: until a condition, a value or a deletion.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_wait/
"""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from podbay.api.errors import NotFound
from podbay.api.resources import Resource
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.selection import selected
from podbay.kubectl.session import Object, Session

FLAGS: Final = (
    Flag(name="for", default=""),
    Flag(name="timeout", kind="duration", default=30.0),
    Flag(name="selector", short="l", default=""),
    Flag(name="field-selector", default=""),
    Flag(name="all", kind="bool", default=False),
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
)
_WEEK_S: Final = 7 * 24 * 3600.0
Met = Callable[[Object], bool]


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    condition = flags["for"]
    if not condition:
        raise CommandError('unrecognized condition: ""')
    session = Session(flags)
    met = condition_of(condition)
    timeout_s = flags["timeout"] if flags["timeout"] >= 0 else _WEEK_S
    deadline = time.monotonic() + timeout_s
    targets = _targets(session, flags)
    if not targets:
        if met is None:
            return 0
        raise CommandError("no matching resources found")
    code = 0
    for resource, namespace, name in targets:
        shown = f"{resource.singular}.{resource.group}/{name}" if resource.group else f"{resource.singular}/{name}"
        try:
            done = _wait(session, (resource, namespace, name), met, deadline)
        except NotFound:
            if met is None:
                continue
            raise
        if done:
            sys.stdout.write(f"{shown} condition met\n")
        else:
            sys.stdout.flush()
            plural = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            sys.stderr.write(f"error: timed out waiting for the condition on {plural}/{name}\n")
            code = 1
    return code


def condition_of(text: str) -> Met | None:
    """Return what must hold, or None for a deletion. Raises CommandError."""
    lowered = text.lower()
    if lowered == "delete":
        return None
    if lowered == "create":
        return lambda _: True
    if lowered.startswith("condition="):
        name, equals, value = text[10:].partition("=")
        wanted = value.lower() if equals else "true"

        def has_condition(obj: Object) -> bool:
            conditions = (obj.get("status") or {}).get("conditions") or ()
            return any(
                c.get("type", "").lower() == name.lower() and c.get("status", "").lower() == wanted for c in conditions
            )

        return has_condition
    if lowered.startswith("jsonpath="):
        return _jsonpath(text[9:])
    raise CommandError(f'unrecognized condition: "{text}"')


def _jsonpath(text: str) -> Met:
    from podbay.kubectl.printers.jsonpath import relaxed, text_of, values

    text = text.strip("'\"")
    position = text.find("}=")
    expression, value = (text[: position + 1], text[position + 2 :]) if position >= 0 else (text, None)
    if value is not None and not value:
        raise CommandError("jsonpath wait has to have a value after equal sign")
    wanted = value.strip("'\"") if value is not None else None

    def matches(obj: Object) -> bool:
        found = values(relaxed(expression), obj)
        if wanted is None:
            return bool(found)
        return len(found) == 1 and text_of(found[0]) == wanted

    return matches


def _targets(session: Session, flags: Parsed) -> list[tuple[Resource, str, str]]:
    if flags["filename"]:
        found = []
        for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
            metadata = manifest.obj.get("metadata") or {}
            place = (metadata.get("namespace") or session.namespace) if manifest.resource.namespaced else ""
            found.append((manifest.resource, place, metadata.get("name", "")))
        return found
    if not flags.words:
        raise CommandError("You must provide one or more resources by argument or filename.")
    found = []
    for target in selected(flags.words):
        namespace = "" if flags["all-namespaces"] else session.namespace_for(target.resource)
        if target.name:
            found.append((target.resource, namespace, target.name))
            continue
        if not (flags["all"] or flags["selector"] or flags["field-selector"] or flags["all-namespaces"]):
            raise CommandError("resource(s) were provided, but no name was specified")
        query = {"labelSelector": flags["selector"] or None, "fieldSelector": flags["field-selector"] or None}
        for item in session.list(target.resource, namespace, query)["items"]:
            found.append((target.resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    return found


def _wait(session: Session, target: tuple[Resource, str, str], met: Met | None, deadline: float) -> bool:
    """Return whether the condition was met in time. Raises NotFound if there is no such object to begin with."""
    resource, namespace, name = target
    seen = False
    while True:
        try:
            current = session.get(resource, name, namespace)
        except NotFound:
            if met is None and seen:
                return True
            raise
        seen = True
        if met is not None and met(current):
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        query: dict[str, Any] = {
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": current["metadata"]["resourceVersion"],
            "timeoutSeconds": max(1, int(left)),
        }
        for frame in session.frames(path(resource, namespace=namespace), query):
            if frame["type"] == "ERROR":
                break
            if frame["type"] == "DELETED":
                if met is None:
                    return True
                break
            if met is not None and met(frame["object"]):
                return True
            if time.monotonic() > deadline:
                return False
