"""``create``: objects from manifests. Those that flags describe are made by ``creators``.

Takes ``-f``; sends one POST for each object, once all manifests could be read.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_create/
"""

import sys
from pathlib import Path
from typing import Final

from podbay.api.errors import StatusError
from podbay.api.resources import Resource
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.last_applied import annotated
from podbay.kubectl.manifests import Manifest, read_manifests
from podbay.kubectl.printers.objects import name_of, printer
from podbay.kubectl.printers.shown import Shown
from podbay.kubectl.session import Object, Session, server_error
from podbay.wire import json

SENDING: Final = (
    Flag(name="output", short="o", default=""),
    Flag(name="template", default=""),
    Flag(name="show-managed-fields", kind="bool", default=False),
    Flag(name="allow-missing-template-keys", kind="bool", default=True),
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="validate", default="strict", optional="true"),
    Flag(name="field-manager", default="kubectl-create"),
    Flag(name="save-config", kind="bool", default=False),
)
FLAGS: Final = (
    *SENDING,
    Flag(name="filename", short="f", kind="list"),
    Flag(name="kustomize", short="k", default=""),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="raw", default=""),
    Flag(name="edit", kind="bool", default=False),
)
_NOT_YET: Final = (
    "clusterrole", "clusterrolebinding", "cronjob", "deployment", "deploy", "ingress", "ing", "job",
    "poddisruptionbudget", "pdb", "priorityclass", "pc", "quota", "resourcequota", "role", "rolebinding", "service",
    "svc", "token",
)  # fmt: skip
_LEVELS: Final = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore"}
_DEPRECATED: Final = {
    "unchanged": ("client", "--dry-run is deprecated and can be replaced with --dry-run=client."),
    "true": ("client", "--dry-run=true is deprecated (boolean value) and can be replaced with --dry-run=client."),
    "false": ("none", "--dry-run=false is deprecated (boolean value) and can be replaced with --dry-run=none."),
}


def run(words: list[str]) -> int:
    """Run the command."""
    kind = next((word for word in words if not word.startswith("-")), "")
    if kind in _NOT_YET:
        raise CommandError(f"podbay does not have create {kind} yet: write the object as YAML and give it to -f")
    flags = parse(FLAGS, words)
    if flags.words:
        raise UsageError(f"Unexpected args: [{' '.join(flags.words)}]", command="create")
    refuse_kustomize(flags)
    if flags["edit"]:
        raise CommandError("podbay does not support --edit yet: edit the file, then create it")
    if flags["raw"]:
        return _raw(flags)
    session = Session(flags)
    code = 0
    for manifest in objects_of(flags, "create"):
        try:
            _create(session, flags, manifest.resource, manifest.obj)
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error, f'error when creating "{manifest.source}"') + "\n")
            code = 1
    return code


def refuse_kustomize(flags: Parsed) -> None:
    """Raise CommandError if there is nothing to read, or a kustomization."""
    if flags["kustomize"] and flags["filename"]:
        raise CommandError("only one of -f or -k can be specified")
    if flags["kustomize"]:
        raise CommandError("podbay does not support kustomize: build the objects with it and give them to -f -")
    if not flags["filename"]:
        raise CommandError("must specify one of -f and -k")


def objects_of(flags: Parsed, doing: str) -> list[Manifest]:
    """Return every object of ``-f`` that ``-l`` selects, so that nothing is sent if one cannot be read.

    Raises CommandError.
    """
    found = list(read_manifests(flags["filename"], recursive=flags["recursive"]))
    if flags["selector"]:
        from podbay.api.selectors import parse_label_selector

        selector = parse_label_selector(flags["selector"])
        found = [m for m in found if selector.matches((m.obj.get("metadata") or {}).get("labels") or {})]
    if not found:
        raise CommandError(f"no objects passed to {doing}")
    return found


def _raw(flags: Parsed) -> int:
    if len(flags["filename"]) != 1:
        raise CommandError("--raw can only use a single local file or stdin")
    if not flags["raw"].startswith("/"):
        raise CommandError(f'--raw must be a valid URL path: parse "{flags["raw"]}": invalid URI for request')
    file = flags["filename"][0]
    body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    sys.stdout.buffer.write(Session(flags).send("POST", flags["raw"], body=body))
    return 0


def dry_run(flags: Parsed) -> str:
    """Return ``none``, ``client`` or ``server``. Raises CommandError."""
    value = str(flags["dry-run"])
    if value in _DEPRECATED:
        value, told = _DEPRECATED[value]
        sys.stderr.write(f"Warning: {told}\n")
    if value not in ("none", "client", "server"):
        raise CommandError(f'Invalid dry-run value ({value}). Must be "none", "server", or "client".')
    return value


def field_validation(flags: Parsed) -> str:
    """Return the server's level of field validation. Raises CommandError."""
    value = str(flags["validate"]).lower()
    if value not in _LEVELS:
        raise CommandError(
            f'invalid - validate option "{flags["validate"]}"; must be one of: strict (or true), warn,'
            " ignore (or false)"
        )
    return _LEVELS[value]


def namespace_of(session: Session, resource: Resource, obj: Object) -> str:
    """Return where an object goes: its own namespace, which must be the flag's if both are given."""
    if not resource.namespaced:
        return ""
    own = (obj.get("metadata") or {}).get("namespace", "")
    given = session.flags["namespace"]
    if own and given and own != given:
        raise CommandError(
            f'the namespace from the provided object "{own}" does not match the namespace "{given}". You must pass'
            f" '--namespace={own}' to perform this operation."
        )
    return own or session.namespace


def _create(session: Session, flags: Parsed, resource: Resource, obj: Object) -> None:
    namespace = namespace_of(session, resource, obj)
    mode = dry_run(flags)
    if namespace:
        obj = {**obj, "metadata": {**(obj.get("metadata") or {}), "namespace": namespace}}
    if flags["save-config"]:
        obj = annotated(obj)
    created = obj
    if mode != "client":
        created = json.decode(send_created(session, flags, resource, obj, mode))
    tell(flags, created, "created", mode)


def send_created(session: Session, flags: Parsed, resource: Resource, obj: Object, mode: str) -> bytes:
    """Create an object on the server and return what it answers. Raises StatusError, CommandError."""
    query = {
        "dryRun": "All" if mode == "server" else None,
        "fieldManager": flags["field-manager"],
        "fieldValidation": field_validation(flags),
    }
    namespace = namespace_of(session, resource, obj)
    return session.send("POST", path(resource, namespace=namespace), query, body=obj)


def tell(flags: Parsed, obj: Object, done: str, mode: str, *, typed: bool = False) -> None:
    """Print what was done to an object, or the object in the format that is wanted."""
    output = str(flags["output"])
    template = flags.values.get("template")
    if template and output in ("", "go-template", "template"):
        output = f"go-template={template}"
    if output:
        managed = bool(flags.values.get("show-managed-fields"))
        missing = bool(flags.values.get("allow-missing-template-keys", True))
        show = Shown(managed_fields=managed, allow_missing=missing, typed=typed, of_get=False)
        sys.stdout.write(printer(output, show=show)(obj))
        return
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(mode, "")
    sys.stdout.write(f"{name_of(obj)} {done}{suffix}\n")
