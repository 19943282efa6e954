"""``create``: objects from manifests, and namespaces, config maps and secrets from flags.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_create/
"""

import base64
import sys
from pathlib import Path
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.resources import CONFIG_MAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS, Resource
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.printers.objects import name_of, printer
from podbay.kubectl.session import Object, Session, server_error
from podbay.wire import json

FLAGS: Final = (
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="output", short="o", default=""),
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="validate", default="strict", optional="true"),
    Flag(name="field-manager", default="kubectl-create"),
    Flag(name="save-config", kind="bool", default=False),
    Flag(name="from-literal", kind="list"),
    Flag(name="from-file", kind="list"),
    Flag(name="type", default=""),
)
_LEVELS: Final = {"strict": "Strict", "true": "Strict", "warn": "Warn", "ignore": "Ignore", "false": "Ignore"}


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    if flags.words:
        return _from_flags(session, flags)
    if not flags["filename"]:
        raise CommandError("must specify one of -f and -k")
    code = 0
    for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
        try:
            _create(session, flags, manifest.resource, manifest.obj)
        except StatusError as error:
            sys.stdout.flush()
            sys.stderr.write(server_error(error, f'error when creating "{manifest.source}"') + "\n")
            code = 1
    return code


def dry_run(flags: Parsed) -> str:
    """Return ``none``, ``client`` or ``server``. Raises CommandError."""
    value = str(flags["dry-run"])
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
    if mode == "client":
        created = obj
    else:
        query = {
            "dryRun": "All" if mode == "server" else None,
            "fieldManager": flags["field-manager"],
            "fieldValidation": field_validation(flags),
        }
        created = json.decode(session.send("POST", path(resource, namespace=namespace), query, body=obj))
    tell(flags, created, "created", mode)


def tell(flags: Parsed, obj: Object, done: str, mode: str) -> None:
    """Print what was done to an object, or the object in the format that is wanted."""
    if flags["output"]:
        sys.stdout.write(printer(flags["output"])(obj))
        return
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(mode, "")
    sys.stdout.write(f"{name_of(obj)} {done}{suffix}\n")


def _from_flags(session: Session, flags: Parsed) -> int:
    kind, *names = flags.words
    body: dict[str, Any]
    match kind:
        case "namespace" | "ns":
            resource, body = NAMESPACES, {"metadata": {"name": _one(names, "namespace")}}
        case "configmap" | "cm":
            resource, body = CONFIG_MAPS, {"metadata": {"name": _one(names, "configmap")}, "data": _data(flags)}
        case "serviceaccount" | "sa":
            resource, body = SERVICE_ACCOUNTS, {"metadata": {"name": _one(names, "serviceaccount")}}
        case "secret":
            if names[:1] != ["generic"]:
                raise CommandError("only secrets of kind generic can be made here: podbay create secret generic NAME")
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in _data(flags).items()}
            resource = SECRETS
            body = {
                "metadata": {"name": _one(names[1:], "secret generic")},
                "data": encoded,
                "type": flags["type"] or "Opaque",
            }
        case _:
            raise CommandError(f"Unexpected args: [{' '.join(flags.words)}]")
    obj: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
    try:
        _create(session, flags, resource, obj)
    except StatusError as error:
        sys.stdout.flush()
        sys.stderr.write(
            server_error(error, f"failed to create {resource.singular}" if error.code == 409 else "") + "\n"
        )
        return 1
    return 0


def _one(names: list[str], kind: str) -> str:
    if len(names) != 1:
        raise UsageError(f"exactly one NAME is required, got {len(names)}", command=f"create {kind}")
    return names[0]


def _data(flags: Parsed) -> dict[str, str]:
    found: dict[str, str] = {}
    for literal in flags["from-literal"]:
        key, equals, value = literal.partition("=")
        if not equals:
            raise CommandError(f"invalid literal source {literal}, expected key=value")
        found[key] = value
    for source in flags["from-file"]:
        key, equals, file = source.partition("=")
        file = file if equals else key
        try:
            found[key if equals else Path(file).name] = Path(file).read_text()
        except OSError as error:
            raise CommandError(f"error reading {file}: {error.strerror}") from None
    return found
