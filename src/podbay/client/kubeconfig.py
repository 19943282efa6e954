"""kubeconfig files: read as kubectl reads them, and written so that nothing of anybody else's is lost.

Takes paths (KUBECONFIG's list, or the home's file); gives a ClientConfig, or changes one cluster's entries.
Invariant: the first file that says something wins; a file is written whole or not at all, readable by its owner only.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.client.configuration import ClientConfig
from podbay.wire import yaml

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SECTIONS: Final = ("clusters", "users", "contexts")


class KubeconfigError(Exception):
    """The configuration cannot be read or lacks something; the message is kubectl's."""


def paths() -> list[Path]:
    """Return the files that are read, in order of precedence."""
    given = os.environ.get("KUBECONFIG", "")
    if given:
        return [Path(part) for part in given.split(":") if part]
    return [Path.home() / ".kube" / "config"]


def read(files: list[Path]) -> dict[str, Any]:
    """Return the merged configuration of files; what is missing is left out. Raises KubeconfigError."""
    merged: dict[str, Any] = {"clusters": {}, "users": {}, "contexts": {}, "current-context": ""}
    for path in files:
        for section, entries in _entries(path).items():
            if section == "current-context":
                merged["current-context"] = merged["current-context"] or entries
            else:
                for name, entry in entries.items():
                    merged[section].setdefault(name, (entry, path))
    return merged


def load(path: Path | None = None, context: str = "") -> ClientConfig:
    """Return how to reach the server of a context (the current one if none is named). Raises KubeconfigError."""
    files = [path] if path is not None else paths()
    merged = read(files)
    name = context or merged["current-context"]
    if not name:
        if (_ACCOUNT / "token").exists() and os.environ.get("KUBERNETES_SERVICE_HOST"):
            return in_cluster()
        return ClientConfig(server="http://localhost:8080")
    if name not in merged["contexts"]:
        raise KubeconfigError(f'context "{name}" does not exist')
    chosen = merged["contexts"][name][0]
    cluster, cluster_file = merged["clusters"].get(chosen.get("cluster", ""), ({}, Path()))
    user, user_file = merged["users"].get(chosen.get("user", ""), ({}, Path()))
    if not cluster.get("server"):
        raise KubeconfigError(f'cluster "{chosen.get("cluster", "")}" does not exist')
    token = user.get("token", "")
    if user.get("tokenFile"):
        token = Path(user["tokenFile"]).read_text().strip()
    return ClientConfig(
        server=cluster["server"],
        ca_pem=_data(cluster, "certificate-authority", cluster_file),
        client_cert_pem=_data(user, "client-certificate", user_file),
        client_key_pem=_data(user, "client-key", user_file),
        token=token,
        namespace=chosen.get("namespace") or "default",
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name", ""),
    )


def in_cluster() -> ClientConfig:
    """Return how a pod reaches the server it runs under. Raises KubeconfigError."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        return ClientConfig(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            ca_pem=(_ACCOUNT / "ca.crt").read_bytes(),
            token=(_ACCOUNT / "token").read_text().strip(),
            namespace=(_ACCOUNT / "namespace").read_text().strip(),
        )
    except OSError as error:
        raise KubeconfigError(f"unable to load in-cluster configuration: {error}") from None


def merge(path: Path, *, name: str, config: ClientConfig, select: bool) -> None:
    """Put a cluster, its user and a context of one name into a file, replacing what has that name."""
    document = _document(path)
    cluster = {"server": config.server, "certificate-authority-data": _encoded(config.ca_pem)}
    user: dict[str, Any] = {}
    if config.client_cert_pem:
        user = {
            "client-certificate-data": _encoded(config.client_cert_pem),
            "client-key-data": _encoded(config.client_key_pem),
        }
    if config.token:
        user["token"] = config.token
    _put(document, "clusters", name, {"cluster": cluster})
    _put(document, "users", name, {"user": user})
    _put(document, "contexts", name, {"context": {"cluster": name, "user": name}})
    if select or not document.get("current-context"):
        document["current-context"] = name
    write(path, document)


def remove(path: Path, *, name: str) -> None:
    """Take a cluster, its user and its context out of a file."""
    document = _document(path)
    for section in _SECTIONS:
        document[section] = [entry for entry in document.get(section) or [] if entry.get("name") != name]
    if document.get("current-context") == name:
        document["current-context"] = ""
    write(path, document)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write a configuration, whole or not at all; through a symbolic link to what it names."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(yaml.dump(dict(document)))
    partial.replace(path)


def _document(path: Path) -> dict[str, Any]:
    found = _parsed(path)
    return {"apiVersion": "v1", "kind": "Config", "preferences": {}, **found}


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KubeconfigError(f'error loading config file "{path}": {error.strerror}') from None
    try:
        found = next(yaml.load_all(text), None) or {}
    except ValueError as error:
        raise KubeconfigError(f'error loading config file "{path}": {error}') from None
    if not isinstance(found, dict):
        raise KubeconfigError(f'error loading config file "{path}": it is no configuration')
    return found


def _entries(path: Path) -> dict[str, Any]:
    found = _parsed(path)
    inner = {"clusters": "cluster", "users": "user", "contexts": "context"}
    entries: dict[str, Any] = {
        section: {e["name"]: e.get(inner[section]) or {} for e in found.get(section) or () if "name" in e}
        for section in _SECTIONS
    }
    entries["current-context"] = found.get("current-context") or ""
    return entries


def _data(entry: Mapping[str, Any], name: str, file: Path) -> bytes:
    """Return an inline or a named file's PEM; a relative path is relative to the file that names it."""
    inline = entry.get(f"{name}-data")
    if inline:
        return base64.b64decode(inline)
    named = entry.get(name)
    if not named:
        return b""
    try:
        return (file.parent / named).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"unable to read {name} {named}: {error.strerror}") from None


def _put(document: dict[str, Any], section: str, name: str, entry: dict[str, Any]) -> None:
    entries = [other for other in document.get(section) or [] if other.get("name") != name]
    document[section] = [*entries, {"name": name, **entry}]


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
