"""``delete``: by name, selector or manifest; waits until the objects are gone.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_delete/
"""

import sys
import time
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import Resource
from podbay.client.requests import path
from podbay.kubectl.commands.create import dry_run
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.session import Object, Session, server_error
from podbay.kubectl.targets import targets_of
from podbay.wire import json

FLAGS: Final = (
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="field-selector", default=""),
    Flag(name="all", kind="bool", default=False),
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="grace-period", kind="int", default=-1),
    Flag(name="force", kind="bool", default=False),
    Flag(name="now", kind="bool", default=False),
    Flag(name="wait", kind="bool", default=True),
    Flag(name="timeout", kind="duration", default=0.0),
    Flag(name="cascade", default="background", optional="background"),
    Flag(name="ignore-not-found", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="kustomize", short="k", default=""),
    Flag(name="raw", default=""),
    Flag(name="interactive", short="i", kind="bool", default=False),
)
_FORCED: Final = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The"
    " resource may continue to run on the cluster indefinitely.\n"
)

_CASCADES: Final = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
    "true": "Background",
    "false": "Orphan",
}


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    _check(flags)
    session = Session(flags)
    if flags["raw"]:
        sys.stdout.buffer.write(session.send("DELETE", flags["raw"]))
        return 0
    grace = _grace(flags)
    options: Object = {"propagationPolicy": _propagation(flags["cascade"])}
    if grace >= 0:
        options["gracePeriodSeconds"] = grace
    mode = dry_run(flags)
    if mode == "server":
        options["dryRun"] = ["All"]
    code, gone = 0, []
    targets = targets_of(session, flags, flags.words)
    for resource, namespace, name, source in targets:
        try:
            if mode == "client":
                obj = session.get(resource, name, namespace)
            else:
                obj = json.decode(session.send("DELETE", path(resource, namespace=namespace, name=name), body=options))
        except StatusError as error:
            if isinstance(error, NotFound) and flags["ignore-not-found"]:
                continue
            sys.stdout.flush()
            sys.stderr.write(server_error(error, f'error when deleting "{source}"' if source else "") + "\n")
            code = 1
            continue
        uid = obj["metadata"].get("uid") or (obj.get("details") or {}).get("uid", "")
        gone.append((resource, namespace, name, uid))
        _tell(flags, resource, name, mode, forced=grace == 0)
    if not targets:
        sys.stdout.write("No resources found\n")
    sys.stdout.flush()
    if flags["wait"] and mode == "none" and not flags["force"]:
        _wait(session, gone, flags["timeout"])
    return code


def _check(flags: Parsed) -> None:
    """Raise CommandError for what does not go together."""
    if flags["output"] not in ("", "name"):
        raise CommandError(f"unexpected -o output mode: {flags['output']}. We only support '-o name'")
    if flags["all"] and (flags["selector"] or flags["field-selector"]):
        raise CommandError("setting 'all' parameter but found a non empty selector. ")
    if flags["kustomize"]:
        raise CommandError("podbay does not support kustomize: build the objects with it and give them to -f -")
    if flags["raw"] and (flags.words or flags["filename"]):
        raise CommandError("arguments may not be passed when --raw is specified")
    if flags["interactive"]:
        raise CommandError("podbay does not support --interactive yet")


def _grace(flags: Parsed) -> int:
    """Return the grace period in seconds; negative for the objects' own. Raises CommandError."""
    grace = int(flags["grace-period"])
    if flags["now"]:
        if grace != -1:
            raise CommandError("--now and --grace-period cannot be specified together")
        grace = 1
    if grace == 0 and not flags["force"]:
        grace = 1  # nothing is forced unless it is said
    if flags["force"]:
        if grace > 0:
            raise CommandError("--force and --grace-period greater than 0 cannot be specified together")
        grace = 0
        sys.stderr.write(_FORCED)
    return grace


def _propagation(cascade: str) -> str:
    """Return what happens to dependents, as the server is told it. Raises CommandError."""
    found = _CASCADES.get(cascade)
    if found is None:
        raise CommandError(f'invalid cascade value ({cascade}). Must be "background", "foreground", or "orphan"')
    return found


def _tell(flags: Parsed, resource: Resource, name: str, mode: str, *, forced: bool) -> None:
    kind = f"{resource.singular}.{resource.group}" if resource.group else resource.singular
    if flags["output"] == "name":
        sys.stdout.write(f"{kind}/{name}\n")
        return
    done = "force deleted" if forced else "deleted"
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(mode, "")
    sys.stdout.write(f'{kind} "{name}" {done}{suffix}\n')


def _wait(session: Session, gone: list[tuple[Resource, str, str, str]], timeout_s: float) -> None:
    """Wait until each object is gone, or another one has its name. Raises CommandError when it takes too long."""
    deadline = time.monotonic() + timeout_s if timeout_s > 0 else None
    for resource, namespace, name, uid in gone:
        while True:
            try:
                current = session.get(resource, name, namespace)
            except NotFound:
                break
            if uid and current["metadata"]["uid"] != uid:
                break
            left = None if deadline is None else max(1, int(deadline - time.monotonic()))
            if deadline is not None and time.monotonic() > deadline:
                raise CommandError(f"timed out waiting for the condition on {resource.plural}/{name}")
            query: dict[str, Any] = {
                "fieldSelector": f"metadata.name={name}",
                "resourceVersion": current["metadata"]["resourceVersion"],
                "timeoutSeconds": left,
            }
            for frame in session.frames(path(resource, namespace=namespace), query):
                if frame["type"] in ("DELETED", "ERROR"):
                    break
