"""``config set`` and ``config unset``: one value by its path, such as ``contexts.dev.namespace``."""

import base64
import binascii
import sys
from typing import Any, Final

from podbay.kubectl.config.files import Document, changing, file_of
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, parse

FLAGS_OF: Final = {"config set": (Flag(name="set-raw-bytes", kind="bool", default=False),)}
FLAGS: Final = ()
_KINDS: Final = {"clusters": "cluster", "contexts": "context", "users": "user"}
_FIELDS: Final = {
    "clusters": ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority",
                 "certificate-authority-data", "proxy-url", "disable-compression"),
    "contexts": ("cluster", "user", "namespace"),
    "users": ("client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile",
              "username", "password", "as", "as-uid"),
}  # fmt: skip


def run_as(name: str, words: list[str]) -> int:
    """Run one of the commands."""
    flags = parse(FLAGS_OF.get(name, FLAGS), words)
    setting = name == "config set"
    if len(flags.words) != (2 if setting else 1):
        raise UsageError(f"Unexpected args: [{' '.join(flags.words)}]", command=name)
    path = flags.words[0]
    section, entry_name, field = _parts(path)
    with changing(file_of(flags, section, entry_name)) as document:
        if setting:
            value = _value(field, flags.words[1], raw=flags["set-raw-bytes"])
            _set(document, section, entry_name, field, value)
        else:
            _unset(document, section, entry_name, field)
    sys.stdout.write(f'Property "{path}" {"" if setting else "un"}set.\n')
    return 0


def _parts(path: str) -> tuple[str, str, str]:
    """Return section, entry and field of a path; an entry's name may have dots. Raises CommandError."""
    if path == "current-context":
        return "", "", path
    section, _, rest = path.partition(".")
    if section not in _KINDS or not rest:
        raise CommandError(f"unable to parse {path} after [] at api.Config")
    for field in _FIELDS[section]:
        if rest.endswith(f".{field}"):
            return section, rest.removesuffix(f".{field}"), field
    if "." in rest and rest.rpartition(".")[2] not in ("com", "io", "local", "org", "net"):
        raise CommandError(f"unable to parse {rest.rpartition('.')[2]} after [{section} {rest.rpartition('.')[0]}]")
    return section, rest, ""


def _value(field: str, text: str, *, raw: bool) -> Any:
    if field == "insecure-skip-tls-verify":
        if text.lower() not in ("true", "false"):
            raise CommandError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
        return text.lower() == "true"
    if field.endswith("-data"):
        if raw:
            return base64.b64encode(text.encode()).decode()
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise CommandError(f"error decoding input: illegal base64 data in {field}") from None
    return text


def _set(document: Document, section: str, name: str, field: str, value: Any) -> None:
    if not section:
        document[field] = value
        return
    if not field:
        raise CommandError(f"unable to set {section}.{name}: it is no single value")
    entry = next((e for e in document[section] if e["name"] == name), None)
    if entry is None:
        entry = {"name": name, _KINDS[section]: {}}
        document[section].append(entry)
    entry[_KINDS[section]] = {**(entry.get(_KINDS[section]) or {}), field: value}


def _unset(document: Document, section: str, name: str, field: str) -> None:
    if not section:
        document[field] = ""
    elif not field:
        document[section] = [entry for entry in document[section] if entry["name"] != name]
    for entry in document[section] if section and field else ():
        if entry["name"] == name:
            entry[_KINDS[section]] = {k: v for k, v in (entry.get(_KINDS[section]) or {}).items() if k != field}
