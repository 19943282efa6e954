"""The objects that a command changes: by name, by selector, all of a kind, or those that manifests name.

Takes words and flags; gives resources, namespaces and names, asking the server for lists. Errors are kubectl's.
"""

from collections.abc import Sequence
from typing import NamedTuple

from podbay.api.resources import Resource
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Parsed
from podbay.kubectl.selection import selected
from podbay.kubectl.session import Session

NONE_GIVEN = (
    "You must provide one or more resources by argument or filename.\n"
    "Example resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n"
    "   '<resource> <name>'\n   '<resource>'"
)


class Target(NamedTuple):
    """One object, and the manifest that named it."""

    resource: Resource
    namespace: str
    name: str
    source: str = ""


def targets_of(session: Session, flags: Parsed, words: Sequence[str]) -> list[Target]:
    """Return the objects that a command line means. Raises CommandError, StatusError."""
    if flags["filename"]:
        if words:
            raise CommandError(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
            )
        return _of_files(session, flags)
    given = flags.values.get
    selects = bool(given("all") or given("selector") or given("field-selector"))
    if not words:
        raise CommandError("at least one resource must be specified to use a selector" if selects else NONE_GIVEN)
    chosen = selected(words)
    if given("all-namespaces") and any(target.name for target in chosen):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    if any(not target.name for target in chosen) and not selects:
        raise CommandError("resource(s) were provided, but no name was specified")
    found = []
    for target in chosen:
        namespace = "" if given("all-namespaces") else session.namespace_for(target.resource)
        if target.name:
            if selects:
                raise CommandError("name cannot be provided when a selector is specified")
            found.append(Target(target.resource, namespace, target.name))
            continue
        query = {"labelSelector": given("selector") or None, "fieldSelector": given("field-selector") or None}
        for item in session.list(target.resource, namespace, {**query, "limit": 500})["items"]:
            metadata = item["metadata"]
            found.append(Target(target.resource, metadata.get("namespace", ""), metadata["name"]))
    return found


def _of_files(session: Session, flags: Parsed) -> list[Target]:
    from podbay.kubectl.manifests import read_manifests

    found = []
    for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
        metadata = manifest.obj.get("metadata") or {}
        place = (metadata.get("namespace") or session.namespace) if manifest.resource.namespaced else ""
        found.append(Target(manifest.resource, place, metadata.get("name", ""), manifest.source))
    return found
