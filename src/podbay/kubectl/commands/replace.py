"""``replace``: put whole objects in the place of those that are there.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_replace/
"""

import sys
from typing import Final

from podbay.api.errors import StatusError
from podbay.client.requests import path
from podbay.kubectl.commands.create import (
    SENDING,
    dry_run,
    field_validation,
    namespace_of,
    objects_of,
    refuse_kustomize,
    tell,
)
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.last_applied import annotated, last_applied
from podbay.kubectl.manifests import Manifest
from podbay.kubectl.session import Session, server_error
from podbay.wire import json

FLAGS: Final = (
    *(flag for flag in SENDING if flag.name != "field-manager"),
    Flag(name="field-manager", default="kubectl-replace"),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="force", kind="bool", default=False),
    Flag(name="kustomize", short="k", default=""),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="subresource", default=""),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise UsageError(f"Unexpected args: [{' '.join(flags.words)}]", command="replace")
    if flags["force"]:
        raise CommandError("podbay does not support --force with replace yet: delete the object, then create it")
    refuse_kustomize(flags)
    session = Session(flags)
    code = 0
    for manifest in objects_of(flags, "replace"):
        try:
            _replace(session, flags, manifest)
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error, f'error when replacing "{manifest.source}"') + "\n")
            code = 1
    return code


def _replace(session: Session, flags: Parsed, manifest: Manifest) -> None:
    resource, obj = manifest.resource, manifest.obj
    namespace, mode = namespace_of(session, resource, obj), dry_run(flags)
    metadata = {**(obj.get("metadata") or {}), **({"namespace": namespace} if namespace else {})}
    name = str(metadata.get("name") or "")
    if not name:
        raise CommandError(f'error when replacing "{manifest.source}": resource name may not be empty')
    obj = {**obj, "metadata": metadata}
    current = session.get(resource, name, namespace)
    if flags["save-config"] or last_applied(current) is not None:
        obj = annotated(obj)
    if mode == "client":
        tell(flags, obj, "replaced", mode)
        return
    query = {
        "dryRun": "All" if mode == "server" else None,
        "fieldManager": flags["field-manager"],
        "fieldValidation": field_validation(flags),
    }
    if not metadata.get("resourceVersion"):
        # As kubectl: what is there now is replaced, whatever its version.
        obj["metadata"] = {**obj["metadata"], "resourceVersion": current["metadata"]["resourceVersion"]}
    url = path(resource, namespace=namespace, name=name, subresource=flags["subresource"])
    tell(flags, json.decode(session.send("PUT", url, query, body=obj)), "replaced", mode)
