"""One kubeconfig file: read, change and write it.

Takes a file and changes to it; gives plain data. ``merge`` and ``remove`` put a cluster's entries into a file and take
them out, as ``podbay up`` and ``destroy`` do.
Invariant: a change is seen whole or not at all (a new file takes the old one's place, through links and with the old
one's owner), and two writers wait for each other by kubectl's own ``.lock`` file; other people's entries stay.
Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from podbay.client.configuration import ClientConfig

SECTIONS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
_LOCK_TRIES: Final = 50
_LOCK_WAIT_S: Final = 0.1


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used; the message is kubectl's."""


def read(path: Path) -> dict[str, Any]:
    """Return a file's document, empty for an empty file. Raises KubeconfigError, OSError."""
    text = path.read_text()
    try:
        document = _parse(text)
    except ValueError as error:
        raise KubeconfigError(f'error loading config file "{path}": {error}') from None
    if not isinstance(document, dict):
        raise KubeconfigError(f'error loading config file "{path}": not a Config object')
    for section in SECTIONS:
        entries = document.get(section) or []
        if not isinstance(entries, list) or not all(isinstance(e, dict) and "name" in e for e in entries):
            raise KubeconfigError(f'error loading config file "{path}": {section} is not a list of named entries')
    return document


def write(path: Path, document: dict[str, Any]) -> None:
    """Put a document in a file's place at once, keeping its owner; a new file is its owner's alone. Raises OSError."""
    import tempfile

    from podbay.wire import yaml

    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(yaml.dump(document))
        with contextlib.suppress(FileNotFoundError, PermissionError):
            old = target.stat()
            os.chmod(temporary, old.st_mode & 0o777)
            os.chown(temporary, old.st_uid, old.st_gid)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Any]]:
    """Give a file's document to be changed, and write it afterwards if it was. Raises KubeconfigError, OSError."""
    with _locked(path):
        document = read(path) if path.exists() else {}
        before = repr(document)
        yield document
        if repr(document) != before or not path.exists():
            write(path, {"apiVersion": "v1", "kind": "Config", "preferences": {}, **document})


def merge(path: Path, *, name: str, config: ClientConfig, select: bool = False) -> None:
    """Put a cluster, a user and a context of one name into a file; ``select`` makes it the current context."""
    with changing(path) as document:
        put_context(document, name, config)
        if select:
            document["current-context"] = name


def remove(path: Path, *, name: str) -> None:
    """Take a name's cluster, user and context out of a file. Nothing happens if they are not there."""
    if path.exists():
        with changing(path) as document:
            drop_context(document, name)


def put_context(document: dict[str, Any], name: str, config: ClientConfig) -> None:
    """Set the three entries of a name in a document. Pure."""
    cluster: dict[str, Any] = {"server": config.server}
    if config.ca_pem:
        cluster["certificate-authority-data"] = _base64(config.ca_pem)
    if config.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if config.server_name:
        cluster["tls-server-name"] = config.server_name
    user: dict[str, Any] = {}
    if config.client_cert_pem:
        user["client-certificate-data"] = _base64(config.client_cert_pem)
        user["client-key-data"] = _base64(config.client_key_pem)
    if config.token:
        user["token"] = config.token
    context = {"cluster": name, "user": name}
    if config.namespace not in ("", "default"):
        context["namespace"] = config.namespace
    for section, value in (("clusters", cluster), ("users", user), ("contexts", context)):
        put_entry(document, section, name, value)


def put_entry(document: dict[str, Any], section: str, name: str, value: dict[str, Any]) -> None:
    """Set one named entry of a section, in its old place if it has one. Pure."""
    entries = document[section] = list(document.get(section) or ())
    fresh = {"name": name, SECTIONS[section]: value}
    for index, entry in enumerate(entries):
        if entry["name"] == name:
            entries[index] = fresh
            return
    entries.append(fresh)


def drop_context(document: dict[str, Any], name: str) -> None:
    """Take the three entries of a name out of a document. Pure."""
    for section in SECTIONS:
        if document.get(section):
            document[section] = [entry for entry in document[section] if entry["name"] != name]
    if document.get("current-context") == name:
        document["current-context"] = ""


def _parse(text: str) -> Any:
    if not text.strip():
        return {}
    if text.lstrip().startswith("{"):  # JSON is YAML too, and is read without loading a YAML parser
        from podbay.wire import json

        return json.decode(text)
    from podbay.wire import plain_yaml

    plain = plain_yaml.load(text)
    if plain is not None:
        return plain
    from podbay.wire import yaml

    return next(yaml.load_all(text), {})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold ``path.lock``, which kubectl makes too. Raises KubeconfigError if somebody else keeps it."""
    lock = Path(f"{path}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    for left in reversed(range(_LOCK_TRIES)):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if not left:
                raise KubeconfigError(f"{lock} is held by another process; remove it if there is none") from None
            time.sleep(_LOCK_WAIT_S)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
