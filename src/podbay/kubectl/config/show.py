"""``config view``, ``current-context``, ``get-contexts``, ``get-clusters``, ``get-users``: nothing is changed."""

import base64
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from podbay.kubectl.config.files import Document, merged
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.printers.objects import printer
from podbay.kubectl.printers.shown import Shown

_FORMATS: Final = (
    Flag(name="allow-missing-template-keys", kind="bool", default=True),
    Flag(name="output", short="o", default="yaml"),
    Flag(name="template", default=""),
)
FLAGS_OF: Final = {
    "config view": (
        *_FORMATS,
        Flag(name="flatten", kind="bool", default=False),
        Flag(name="merge", kind="bool", default=True),
        Flag(name="minify", kind="bool", default=False),
        Flag(name="raw", kind="bool", default=False),
    ),
    "config get-contexts": (
        Flag(name="output", short="o", default=""),
        Flag(name="no-headers", kind="bool", default=False),
    ),
}
FLAGS: Final = ()
_HIDDEN: Final = {
    "certificate-authority-data": "DATA+OMITTED",
    "client-certificate-data": "DATA+OMITTED",
    "client-key-data": "DATA+OMITTED",
    "token": "REDACTED",
    "password": "REDACTED",
}
_ORDER: Final = (
    "kind", "apiVersion", "preferences", "clusters", "users", "contexts", "current-context", "extensions", "name",
    "cluster", "user", "namespace", "context", "server", "tls-server-name", "insecure-skip-tls-verify",
    "certificate-authority", "certificate-authority-data", "client-certificate", "client-certificate-data",
    "client-key", "client-key-data", "token", "tokenFile", "as", "as-uid", "as-groups", "username", "password",
)  # fmt: skip


def run_as(name: str, words: list[str]) -> int:
    """Run one of the commands."""
    flags = parse(FLAGS_OF.get(name, FLAGS), words)
    if flags.words and name != "config get-contexts":
        raise UsageError(f"unexpected arguments: [{' '.join(flags.words)}]", command=name)
    if name == "config view":
        _view(flags)
        return 0
    document = merged(flags)
    match name:
        case "config current-context":
            if not document["current-context"]:
                raise CommandError("current-context is not set")
            sys.stdout.write(f"{document['current-context']}\n")
        case "config get-contexts":
            return _contexts(flags, document)
        case _:
            section = name.removeprefix("config get-")
            names = sorted(str(entry["name"]) for entry in document[section])
            sys.stdout.write("".join(f"{line}\n" for line in ("NAME", *names)))
    return 0


def _view(flags: Parsed) -> None:
    if not flags["merge"] and not flags["kubeconfig"]:
        raise CommandError("if merge==false a precise file must be specified")
    shown = merged(flags)
    if flags["context"]:
        shown["current-context"] = flags["context"]
    if flags["minify"]:
        shown = _minified(shown)
    if flags["flatten"]:
        shown = _flattened(shown)
    for section in ("clusters", "contexts", "users"):
        shown[section] = sorted(shown[section], key=lambda entry: str(entry["name"]))
    empty = {"cluster": "", "user": ""}
    shown["contexts"] = [{**entry, "context": {**empty, **(entry.get("context") or {})}} for entry in shown["contexts"]]
    if not flags["raw"] and not flags["flatten"]:
        shown = _hidden(shown)
    output = f"go-template={flags['template']}" if flags["template"] else flags["output"]
    show = Shown(typed=True, of_get=False, allow_missing=flags["allow-missing-template-keys"])
    sys.stdout.write(printer(output, show=show)(_in_order(shown)))


def _contexts(flags: Parsed, document: Document) -> int:
    if flags["output"] not in ("", "name"):
        raise CommandError(
            f"--output {flags['output']} is not available in podbay config get-contexts; resetting to default output"
            " format"
        )
    known = {entry["name"]: entry.get("context") or {} for entry in document["contexts"]}
    wanted = sorted(flags.words or known)
    missing = [name for name in wanted if name not in known]
    if flags["output"] == "name":
        sys.stdout.write("".join(f"{name}\n" for name in wanted if name in known))
    else:
        rows = [] if flags["no-headers"] else [["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]]
        for name in (name for name in wanted if name in known):
            current = "*" if name == document["current-context"] else ""
            context = known[name]
            rows.append([current, name, *(str(context.get(key, "")) for key in ("cluster", "user", "namespace"))])
        sys.stdout.write(columns(rows))
    for name in missing:
        sys.stdout.flush()
        sys.stderr.write(f"error: context {name} not found\n")
    return 1 if missing else 0


def _hidden(document: Document) -> Document:
    found = dict(document)
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        found[section] = [
            {**e, kind: {k: _HIDDEN.get(k, v) for k, v in (e.get(kind) or {}).items()}} for e in document[section]
        ]
    return found


def _minified(document: Document) -> Document:
    name = document["current-context"]
    chosen = _named(document["contexts"], name)
    if not name:
        raise CommandError("current-context must exist in order to minify")
    if chosen is None:
        raise CommandError(f"cannot locate context {name}")
    context = chosen.get("context") or {}
    return {
        **document,
        "contexts": [chosen],
        "clusters": [e for e in document["clusters"] if e["name"] == context.get("cluster")],
        "users": [e for e in document["users"] if e["name"] == context.get("user")],
    }


def _flattened(document: Document) -> Document:
    """Return the document with the content of files in place of their names. Raises CommandError."""
    found = dict(document)
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        found[section] = [{**entry, kind: _with_data(entry.get(kind) or {})} for entry in document[section]]
    return found


def _with_data(entry: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(entry)
    for field in ("certificate-authority", "client-certificate", "client-key"):
        file = changed.pop(field, None)
        if not file or changed.get(f"{field}-data"):
            continue
        try:
            changed[f"{field}-data"] = base64.b64encode(Path(str(file)).read_bytes()).decode()
        except OSError as error:
            raise CommandError(f"open {file}: {(error.strerror or '').lower()}") from None
    return changed


def _named(entries: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    return next((entry for entry in entries if entry["name"] == name), None)


def _in_order(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    rank = {key: position for position, key in enumerate(_ORDER)}
    return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: (rank.get(key, len(rank)), key))}
