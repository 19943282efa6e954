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
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.printers.objects import printer
from podbay.kubectl.printers.shown import Shown
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
    *(flag for flag in SENDING if flag.name in ("output", "template", "allow-missing-template-keys")),
)
_WEEK_S: Final = 7 * 24 * 3600.0
_LOOK_AGAIN_S: Final = 0.25
Met = Callable[[Object], bool]


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    condition = flags["for"]
    if not condition:
        raise CommandError('unrecognized condition: ""')
    met = condition_of(condition)
    session = Session(flags)
    show = printer(flags["output"], show=Shown(of_get=False)) if flags["output"] else None
    timeout_s = flags["timeout"] if flags["timeout"] >= 0 else _WEEK_S
    deadline = time.monotonic() + timeout_s
    creating = condition.lower() == "create"
    if creating:
        _until_there(session, flags, deadline)
    targets = _targets(session, flags)
    if not targets:
        if met is None:
            return 0
        raise CommandError("no matching resources found")
    failed = []
    for target in targets:
        resource, _, name = target
        try:
            done = _wait(session, target, met, deadline)
        except NotFound:
            if met is None:
                continue
            raise
        if done is None:
            word = "timed out waiting for the condition on" if flags["timeout"] else "condition not met for"
            failed.append(f"{word} {resource.group_resource}/{name}")
        elif show:
            sys.stdout.write(show(done))
        else:
            kind = f"{resource.singular}.{resource.group}" if resource.group else resource.singular
            sys.stdout.write(f"{kind}/{name} condition met\n")
    sys.stdout.flush()
    if len(failed) == 1:
        raise CommandError(failed[0])
    sys.stderr.write("".join(f"{line}\n" for line in failed))
    return 1 if failed else 0


def _until_there(session: Session, flags: Parsed, deadline: float) -> None:
    """Wait until what is named is there. Raises CommandError when that takes too long."""
    while True:
        try:
            if _targets(session, flags, look=True):
                return
        except NotFound:
            pass
        if time.monotonic() >= deadline:
            raise CommandError("timed out waiting for the condition")
        time.sleep(_LOOK_AGAIN_S)


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
    braced = text.startswith("{")
    position = text.find("}=") + 1 if braced else text.find("=")
    expression, value = (text[:position], text[position + 1 :]) if position > 0 else (text, None)
    if not expression:
        raise CommandError("jsonpath expression cannot be empty")
    if value is not None and not value:
        raise CommandError(
            "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3"
        )
    if braced and not expression.endswith("}"):
        raise CommandError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
        )
    wanted = value.strip("'\"") if value is not None else None

    def matches(obj: Object) -> bool:
        found = values(relaxed(expression), obj)
        if wanted is None:
            return bool(found)
        return len(found) == 1 and text_of(found[0]) == wanted

    return matches


def _targets(session: Session, flags: Parsed, *, look: bool = False) -> list[tuple[Resource, str, str]]:
    """Return the objects that are waited for. ``look``: those that are named must be there. Raises NotFound."""
    if flags["filename"]:
        found = []
        for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
            metadata = manifest.obj.get("metadata") or {}
            place = (metadata.get("namespace") or session.namespace) if manifest.resource.namespaced else ""
            found.append((manifest.resource, place, metadata.get("name", "")))
            if look:
                session.get(*(manifest.resource, metadata.get("name", ""), place))
        return found
    if not flags.words:
        raise CommandError("You must provide one or more resources by argument or filename.")
    found = []
    for target in selected(flags.words):
        namespace = "" if flags["all-namespaces"] else session.namespace_for(target.resource)
        if target.name:
            if look:
                session.get(target.resource, target.name, namespace)
            found.append((target.resource, namespace, target.name))
            continue
        if not (flags["all"] or flags["selector"] or flags["field-selector"] or flags["all-namespaces"]):
            raise CommandError("resource(s) were provided, but no name was specified")
        query = {"labelSelector": flags["selector"] or None, "fieldSelector": flags["field-selector"] or None}
        for item in session.list(target.resource, namespace, query)["items"]:
            found.append((target.resource, item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    return found


def _wait(session: Session, target: tuple[Resource, str, str], met: Met | None, deadline: float) -> Object | None:
    """Return the object as soon as the condition is met, or None. Raises NotFound if there is none to begin with."""
    resource, namespace, name = target
    current: Object = {}
    while True:
        try:
            current = session.get(resource, name, namespace)
        except NotFound:
            if met is None and current:
                return current
            raise
        if met is not None and met(current):
            return current
        left = deadline - time.monotonic()
        if left <= 0:
            return None
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
                    return current
                break
            if met is not None and met(frame["object"]):
                found: Object = frame["object"]
                return found
            if time.monotonic() > deadline:
                return None
