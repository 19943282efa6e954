"""Where the data of config maps and secrets comes from: literals, files, directories, files of variables.

Takes flags; gives keys and bytes, in order. Errors are kubectl's.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_create/kubectl_create_configmap/
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from podbay.api.names import config_key_problems, env_name_problems
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed

FLAGS: Final = (
    Flag(name="append-hash", kind="bool", default=False),
    Flag(name="from-env-file", kind="list"),
    Flag(name="from-file", kind="list"),
    Flag(name="from-literal", kind="list"),
)


def data_of(flags: Parsed, kind: str, name: str) -> dict[str, bytes]:
    """Return the data that the flags name. Raises CommandError."""
    if flags["from-env-file"] and (flags["from-file"] or flags["from-literal"]):
        raise CommandError("from-env-file cannot be combined with from-file or from-literal")
    found: dict[str, bytes] = {}
    sources = (("from-literal", _literal), ("from-file", _files), ("from-env-file", _variables))
    for flag, read in sources:
        for text in flags[flag]:
            for key, value in read(text):
                _add(found, key, value, kind, name)
    return found


def _add(found: dict[str, bytes], key: str, value: bytes, kind: str, name: str) -> None:
    if problems := config_key_problems(key):
        article = f'"{key}" is not a valid key name for a {kind}: '
        raise CommandError(article + ",".join(problems))
    if key in found:
        told = f'cannot add key "{key}", another key by that name already exists in Data for {kind} "{name}"'
        raise CommandError(
            told if kind == "ConfigMap" else f"cannot add key {key}, another key by that name already exists"
        )
    found[key] = value


def _literal(text: str) -> Iterator[tuple[str, bytes]]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise CommandError(f"invalid literal source {text}, expected key=value")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    yield key, value.encode()


def _files(text: str) -> Iterator[tuple[str, bytes]]:
    key, equals, file = text.partition("=")
    if text.count("=") > 1:
        raise CommandError("key names or file paths cannot contain '='")
    if equals and not key:
        raise CommandError(f"key name for file path {file} missing")
    if equals and not file:
        raise CommandError(f"file path for key name {key} missing")
    path = Path(file if equals else key)
    if not path.exists():
        raise CommandError(f"error reading {path}: no such file or directory")
    if path.is_dir():
        if equals:
            raise CommandError("cannot give a key name for a directory path")
        for inner in sorted(path.iterdir()):
            if inner.is_file():
                yield inner.name, content(inner)
        return
    yield (key if equals else path.name), content(path)


def _variables(text: str) -> Iterator[tuple[str, bytes]]:
    if not Path(text).exists():
        raise CommandError(f"error reading {text}: no such file or directory")
    lines = content(Path(text)).decode("utf-8-sig", "replace").splitlines()
    for line in (line.lstrip() for line in lines):
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if problems := env_name_problems(key):
            raise CommandError(f'"{key}" is not a valid key name: {";".join(problems)}')
        yield key, (value if equals else os.environ.get(key, "")).encode()


def content(path: Path) -> bytes:
    """Return a file's bytes. Raises CommandError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"error reading {path}: {(error.strerror or '').lower()}") from None
