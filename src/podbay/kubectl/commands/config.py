"""``config``: look at kubeconfig files and change them.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_config/
"""

import sys
from pathlib import Path
from typing import Any, Final

from podbay.client import kubeconfig
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.printers.columns import columns

FLAGS: Final = (
    Flag(name="raw", kind="bool", default=False),
    Flag(name="flatten", kind="bool", default=False),
    Flag(name="minify", kind="bool", default=False),
    Flag(name="output", short="o", default="yaml"),
    Flag(name="current", kind="bool", default=False),
    Flag(name="no-headers", kind="bool", default=False),
)
_HIDDEN: Final = {
    "certificate-authority-data": "DATA+OMITTED",
    "client-certificate-data": "DATA+OMITTED",
    "client-key-data": "DATA+OMITTED",
    "token": "REDACTED",
}


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    verb, *names = flags.words or [""]
    try:
        return _run(flags, verb, names)
    except kubeconfig.KubeconfigError as error:
        raise CommandError(str(error)) from None


def _run(flags: Parsed, verb: str, names: list[str]) -> int:
    paths = kubeconfig.files(flags["kubeconfig"])
    document = kubeconfig.merged(paths)
    match verb:
        case "view":
            from podbay.kubectl.printers.objects import printer

            shown = document if flags["raw"] else _hidden(document)
            if flags["minify"]:
                shown = _minified(shown, flags["context"])
            sys.stdout.write(printer(flags["output"])(shown))
        case "current-context":
            if not document["current-context"]:
                raise CommandError("current-context is not set")
            sys.stdout.write(f"{document['current-context']}\n")
        case "get-contexts":
            _contexts(flags, document, names)
        case "use-context" | "use":
            name = _one(names, "use-context")
            if not any(entry["name"] == name for entry in document["contexts"]):
                raise CommandError(f'no context exists with the name: "{name}"')
            target = _target(paths)
            changed = _read(target)
            changed["current-context"] = name
            kubeconfig.write(target, changed)
            sys.stdout.write(f'Switched to context "{name}".\n')
        case "set-context":
            _set_context(flags, paths, document, names)
        case "delete-context":
            name = _one(names, "delete-context")
            target = _target(paths)
            changed = _read(target)
            kept = [entry for entry in changed.get("contexts") or () if entry["name"] != name]
            if len(kept) == len(changed.get("contexts") or ()):
                raise CommandError(f"cannot delete context {name}, not in {target}")
            changed["contexts"] = kept
            kubeconfig.write(target, changed)
            sys.stdout.write(f"deleted context {name} from {target}\n")
        case _:
            raise CommandError(
                "usage: podbay config view|current-context|get-contexts|use-context|set-context|delete-context"
            )
    return 0


def _set_context(flags: Parsed, paths: list[Path], document: dict[str, Any], names: list[str]) -> None:
    name = names[0] if names else ""
    if flags["current"]:
        name = document["current-context"]
    if not name:
        raise CommandError("you must specify a non-empty context name or --current")
    target = _target(paths)
    changed = _read(target)
    known = next((e for e in document["contexts"] if e["name"] == name), None)
    context = dict((known or {}).get("context") or {})
    for key in ("cluster", "user", "namespace"):
        if key in flags.given:
            context[key] = flags[key]
    others = [e for e in changed.get("contexts") or () if e["name"] != name]
    changed["contexts"] = [*others, {"name": name, "context": context}]
    kubeconfig.write(target, changed)
    sys.stdout.write(f'Context "{name}" {"modified" if known else "created"}.\n')


def _contexts(flags: Parsed, document: dict[str, Any], names: list[str]) -> None:
    rows = [["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]]
    for entry in sorted(document["contexts"], key=lambda e: str(e["name"])):
        if names and entry["name"] not in names:
            continue
        context = entry.get("context") or {}
        if flags["output"] == "name":
            sys.stdout.write(f"{entry['name']}\n")
            continue
        current = "*" if entry["name"] == document["current-context"] else ""
        rows.append(
            [current, entry["name"], context.get("cluster", ""), context.get("user", ""), context.get("namespace", "")]
        )
    if flags["output"] != "name":
        sys.stdout.write(columns(rows[1:] if flags["no-headers"] else rows))


def _hidden(document: dict[str, Any]) -> dict[str, Any]:
    found = dict(document)
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        found[section] = [
            {**e, kind: {k: _HIDDEN.get(k, v) for k, v in (e.get(kind) or {}).items()}} for e in document[section]
        ]
    return found


def _minified(document: dict[str, Any], context: str) -> dict[str, Any]:
    name = context or document["current-context"]
    chosen = next((e for e in document["contexts"] if e["name"] == name), None)
    if chosen is None:
        raise CommandError("current-context must exist in order to minify")
    return {
        **document,
        "current-context": name,
        "contexts": [chosen],
        "clusters": [e for e in document["clusters"] if e["name"] == chosen["context"].get("cluster")],
        "users": [e for e in document["users"] if e["name"] == chosen["context"].get("user")],
    }


def _target(paths: list[Path]) -> Path:
    return next((path for path in paths if path.exists()), paths[-1] if paths else Path.home() / ".kube" / "config")


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    return {**empty, **(kubeconfig.read(path) if path.exists() else {})}


def _one(names: list[str], verb: str) -> str:
    if len(names) != 1:
        raise CommandError(f"unexpected args: {names}" if names else f"{verb} needs a context's name")
    return names[0]
