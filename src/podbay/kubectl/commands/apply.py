"""``apply``: bring objects to what manifests say, by a three-way merge on this side.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_apply/ and
https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/
"""

import sys
from typing import Any, Final

from podbay.api import schema
from podbay.api.errors import NotFound, StatusError
from podbay.api.patch import three_way_strategic
from podbay.client.requests import STRATEGIC, path
from podbay.kubectl.commands.create import dry_run, field_validation, namespace_of, tell
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import Manifest, read_manifests
from podbay.kubectl.session import Object, Session, server_error
from podbay.wire import json

FLAGS: Final = (
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="validate", default="strict", optional="true"),
    Flag(name="field-manager", default="kubectl-client-side-apply"),
    Flag(name="overwrite", kind="bool", default=True),
    Flag(name="server-side", kind="bool", default=False),
)
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags["server-side"]:
        raise CommandError("podbay does not support server-side apply yet")
    if not flags["filename"]:
        raise CommandError("must specify one of -f and -k")
    session = Session(flags)
    code = 0
    for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
        try:
            _apply(session, flags, manifest)
        except StatusError as error:
            sys.stdout.flush()
            doing = "" if error.code == 422 else f'error when applying "{manifest.source}"'
            if error.code == 400:
                doing = f'error when creating "{manifest.source}"'
            sys.stderr.write(server_error(error, doing) + "\n")
            code = 1
    return code


def _apply(session: Session, flags: Parsed, manifest: Manifest) -> None:
    resource, mode = manifest.resource, dry_run(flags)
    namespace = namespace_of(session, resource, manifest.obj)
    modified = _annotated(manifest.obj, namespace)
    query = {
        "dryRun": "All" if mode == "server" else None,
        "fieldManager": flags["field-manager"],
        "fieldValidation": field_validation(flags),
    }
    name = modified["metadata"].get("name", "")
    try:
        if not name:
            raise CommandError(
                f'error when retrieving current configuration of "{manifest.source}": resource name may not be empty'
            )
        current = session.get(resource, name, namespace)
    except NotFound:
        created = modified
        if mode != "client":
            created = json.decode(session.send("POST", path(resource, namespace=namespace), query, body=modified))
        tell(flags, created, "created", mode)
        return
    annotations = current["metadata"].get("annotations") or {}
    original = json.decode(annotations[LAST_APPLIED]) if LAST_APPLIED in annotations else None
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
        url = path(resource, namespace=namespace, name=name)
        result = json.decode(session.send("PATCH", url, query, body=change, content_type=STRATEGIC))
    tell(flags, result, "configured", mode)


def _annotated(obj: Object, namespace: str) -> Object:
    """Return the object with what is applied now noted in an annotation, as kubectl writes it."""
    metadata = dict(obj.get("metadata") or {})
    if namespace:
        metadata["namespace"] = namespace
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    noted = {**obj, "metadata": {**metadata, "annotations": annotations}}
    text = json.encode(_sorted(noted)).decode() + "\n"
    return {**obj, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
