"""``apply``: bring objects to what manifests say, by a three-way merge on this side.

Takes ``-f``; sends nothing, a POST or a PATCH for each object, once all manifests could be read.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_apply/ and
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
"""

import sys
from typing import Any, Final

from podbay.api import schema
from podbay.api.errors import NotFound, StatusError
from podbay.api.patch import three_way_strategic
from podbay.api.resources import Resource
from podbay.client.requests import STRATEGIC, path
from podbay.kubectl.commands.create import (
    SENDING,
    dry_run,
    field_validation,
    namespace_of,
    objects_of,
    refuse_kustomize,
    send_created,
    tell,
)
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.last_applied import LAST_APPLIED, annotated, last_applied
from podbay.kubectl.manifests import Manifest
from podbay.kubectl.session import Object, Session, server_error
from podbay.wire import json

FLAGS: Final = (
    *(flag for flag in SENDING if flag.name not in ("field-manager", "save-config")),
    Flag(name="field-manager", default="kubectl-client-side-apply"),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="kustomize", short="k", default=""),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="server-side", kind="bool", default=False),
    Flag(name="force-conflicts", kind="bool", default=False),
    Flag(name="prune", kind="bool", default=False),
    Flag(name="all", kind="bool", default=False),
    Flag(name="force", kind="bool", default=False),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    _refuse(flags)
    session = Session(flags)
    code = 0
    for manifest in objects_of(flags, "apply"):
        try:
            _apply(session, flags, manifest)
        except _Refused as refused:
            sys.stdout.flush()
            sys.stderr.write(server_error(refused.error, refused.doing) + "\n")
            code = 1
    return code


def _refuse(flags: Parsed) -> None:
    """Raise CommandError for what podbay does not have, and for what makes no sense."""
    if flags.words:
        raise UsageError(f"Unexpected args: [{' '.join(flags.words)}]", command="apply")
    if flags["force-conflicts"] and not flags["server-side"]:
        raise CommandError("--force-conflicts only works with --server-side")
    for name, what in (("server-side", "server-side apply"), ("prune", "--prune"), ("force", "--force with apply")):
        if flags[name]:
            raise CommandError(f"podbay does not support {what} yet")
    if flags["all"]:
        raise CommandError("--all is for --prune, which podbay does not support yet")
    refuse_kustomize(flags)


class _Refused(Exception):
    """A server's refusal, with what was being done."""

    def __init__(self, error: StatusError, doing: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.doing = doing


def _apply(session: Session, flags: Parsed, manifest: Manifest) -> None:
    resource, source = manifest.resource, manifest.source
    namespace = namespace_of(session, resource, manifest.obj)
    metadata = manifest.obj.get("metadata") or {}
    name = str(metadata.get("name") or "")
    if not name and metadata.get("generateName"):
        raise CommandError(f"from {metadata['generateName']}: cannot use generate name with apply")
    place = {"namespace": namespace} if namespace else {}
    modified = annotated({**manifest.obj, "metadata": {**metadata, **place}})
    where = _where(resource, name, namespace)
    if not name:
        raise CommandError(
            f'error when retrieving current configuration of:\n{where}\nfrom server for: "{source}":'
            " resource name may not be empty"
        )
    mode = dry_run(flags)
    try:
        current = session.get(resource, name, namespace)
    except StatusError as error:
        if not isinstance(error, NotFound):
            doing = f'error when retrieving current configuration of:\n{where}\nfrom server for: "{source}"'
            raise _Refused(error, doing) from None
        try:
            sent = json.encode(modified) if mode == "client" else send_created(session, flags, resource, modified, mode)
        except StatusError as refusal:
            raise _Refused(refusal, f'error when creating "{source}"') from None
        tell(flags, json.decode(sent), "created", mode)
        return
    original = last_applied(current)
    if original is None:
        sys.stderr.write(
            f"Warning: resource {resource.plural}/{name} is missing the {LAST_APPLIED} annotation which is required by"
            " podbay apply. podbay apply should only be used on resources created declaratively by either podbay create"
            " --save-config or podbay apply. The missing annotation will be patched automatically.\n"
        )
    definition = schema.definition(resource.api_version, resource.kind)
    change: Any = three_way_strategic(original or {}, modified, current, definition)
    if not change:
        tell(flags, current, "unchanged", mode)
        return
    result: Object = current
    if mode != "client":
        query = {
            "dryRun": "All" if mode == "server" else None,
            "fieldManager": flags["field-manager"],
            "fieldValidation": field_validation(flags),
        }
        url = path(resource, namespace=namespace, name=name)
        try:
            result = json.decode(session.send("PATCH", url, query, body=change, content_type=STRATEGIC))
        except StatusError as error:
            shown = json.encode(change).decode()
            raise _Refused(error, f'error when applying patch:\n{shown}\nto:\n{where}\nfor: "{source}"') from None
    tell(flags, result, "configured", mode)


def _where(resource: Resource, name: str, namespace: str) -> str:
    kind = f"{resource.group}/{resource.version}"
    return (
        f'Resource: "{kind}, Resource={resource.plural}", GroupVersionKind: "{kind}, Kind={resource.kind}"\n'
        f'Name: "{name}", Namespace: "{namespace}"'
    )
