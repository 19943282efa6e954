"""``config set-context``, ``set-cluster``, ``set-credentials``: one entry, made or changed.

Takes flags; writes those that were given into the entry and leaves the rest of it. Files are embedded on demand.
"""

import base64
import sys
from pathlib import Path
from typing import Any, Final

from podbay.kubectl.config.files import changing, file_of, merged
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse

_EMBED: Final = Flag(name="embed-certs", kind="bool", default=False)
FLAGS_OF: Final = {
    "config set-context": (Flag(name="current", kind="bool", default=False),),
    "config set-cluster": (_EMBED,),
    "config set-credentials": (_EMBED,),
}
FLAGS: Final = ()
_PLAIN: Final = {
    "config set-context": ("cluster", "user", "namespace"),
    "config set-cluster": ("server", "tls-server-name", "insecure-skip-tls-verify"),
    "config set-credentials": ("token",),
}
_FILES: Final = {
    "config set-context": (),
    "config set-cluster": ("certificate-authority",),
    "config set-credentials": ("client-certificate", "client-key"),
}
_SHOWN: Final = {
    "config set-context": ("contexts", "context", "Context"),
    "config set-cluster": ("clusters", "cluster", "Cluster"),
    "config set-credentials": ("users", "user", "User"),
}


def run_as(name: str, words: list[str]) -> int:
    """Run one of the commands."""
    flags = parse(FLAGS_OF[name], words)
    section, kind, shown = _SHOWN[name]
    entry_name = _name(flags, name)
    _refuse(flags)
    known = any(entry["name"] == entry_name for entry in merged(flags)[section])
    with changing(file_of(flags, section, entry_name)) as document:
        entry = next((e for e in document[section] if e["name"] == entry_name), None)
        if entry is None:
            entry = {"name": entry_name}
            document[section].append(entry)
        entry[kind] = _changed(flags, name, dict(entry.get(kind) or {}))
    if name == "config set-context":
        sys.stdout.write(f'Context "{entry_name}" {"modified" if known else "created"}.\n')
    else:
        sys.stdout.write(f'{shown} "{entry_name}" set.\n')
    return 0


def _name(flags: Parsed, command: str) -> str:
    if command == "config set-context" and flags["current"]:
        if flags.words:
            raise CommandError("you cannot specify both a context name and --current")
        current = str(merged(flags)["current-context"])
        if not current:
            raise CommandError("no current context is set")
        return current
    if not flags.words and command == "config set-context":
        raise CommandError("you must specify a non-empty context name or --current")
    if len(flags.words) != 1:
        word = "unexpected" if command == "config set-credentials" else "Unexpected"
        raise UsageError(f"{word} args: [{' '.join(flags.words)}]", command=command)
    return flags.words[0]


def _refuse(flags: Parsed) -> None:
    basic = bool(flags["username"] or flags["password"])
    if basic and flags["token"]:
        raise CommandError(
            "you cannot specify more than one authentication method at the same time: --token, --username/--password"
        )
    if basic:
        raise CommandError("podbay does not support --username and --password: servers take certificates and tokens")


def _changed(flags: Parsed, command: str, value: dict[str, Any]) -> dict[str, Any]:
    for field in _PLAIN[command]:
        if field in flags.given:
            value[field] = flags[field]
    for field in _FILES[command]:
        if field not in flags.given:
            continue
        value.pop(f"{field}-data", None)
        value.pop(field, None)
        file = Path(flags[field]).absolute()
        if not flags["embed-certs"]:
            value[field] = str(file)
            continue
        try:
            value[f"{field}-data"] = base64.b64encode(file.read_bytes()).decode()
        except OSError as error:
            raise CommandError(f"could not read {field} data from {file}: {(error.strerror or '').lower()}") from None
    for one, other in (
        ("insecure-skip-tls-verify", "certificate-authority"),
        ("certificate-authority", "insecure-skip-tls-verify"),
    ):
        if one in flags.given and flags[one]:
            value.pop(other, None)
            value.pop(f"{other}-data", None)
    return {field: item for field, item in value.items() if item not in ("", False)}
