"""Kubeconfig files: find, read and merge them, and resolve a context into a ClientConfig.

Takes files (``--kubeconfig``, or those of KUBECONFIG, or ``~/.kube/config``); gives one server and one identity.
``kubeconfig_file`` changes such files.
Invariant: of several files the first that has a name wins; relative paths count from the file that they stand in; what
podbay cannot honour (exec plugins, passwords, proxies, impersonation) is refused, never left out.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from podbay.client.configuration import ClientConfig
from podbay.client.kubeconfig_file import SECTIONS, KubeconfigError, changing, merge, read, remove, write

__all__ = [
    "KubeconfigError", "changing", "files", "in_cluster", "load", "merge", "merged", "read", "remove", "resolve",
    "write",
]  # fmt: skip

NO_CONFIG_SERVER: Final = "http://localhost:8080"  # where upstream's clients look when nothing tells them
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATHS: Final = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
_REFUSED: Final = {
    "cluster": ("proxy-url",),
    "user": ("exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"),
}


def files(explicit: str = "", environment: Mapping[str, str] | None = None) -> list[Path]:
    """Return the files to read, in order. One that was named explicitly must exist, others may be missing."""
    environment = os.environ if environment is None else environment
    if explicit:
        if not Path(explicit).exists():
            raise KubeconfigError(f"stat {explicit}: no such file or directory")
        return [Path(explicit)]
    listed = environment.get("KUBECONFIG", "")
    if listed:
        return [Path(part) for part in dict.fromkeys(listed.split(os.pathsep)) if part]
    home = environment.get("HOME", "")
    return [Path(home) / ".kube" / "config"] if home else []


def merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Return one config of several files, with absolute paths in it. Raises KubeconfigError, OSError."""
    result: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "", "preferences": {}}
    for section in SECTIONS:
        result[section] = []
    for path in paths:
        if not path.exists():
            continue
        document = read(path)
        result["current-context"] = result["current-context"] or document.get("current-context") or ""
        for section, kind in SECTIONS.items():
            known = {entry["name"] for entry in result[section]}
            for entry in document.get(section) or ():
                if entry["name"] not in known:
                    result[section].append({**entry, kind: _with_absolute_paths(entry.get(kind) or {}, kind, path)})
    return result


def load(
    path: str | Path | None = None, context: str = "", *, cluster: str = "", user: str = "", namespace: str = ""
) -> ClientConfig:
    """Return the server and identity of a context; the names given take the place of what the file says.

    Raises KubeconfigError with kubectl's message, OSError for a file that cannot be read.
    """
    document = merged(files(str(path) if path else ""))
    return resolve(document, context, cluster=cluster, user=user, namespace=namespace)


def resolve(
    document: Mapping[str, Any], context: str = "", *, cluster: str = "", user: str = "", namespace: str = ""
) -> ClientConfig:
    """Return what a merged config says about a context (the current one, if none is named). Raises KubeconfigError."""
    name = context or str(document.get("current-context") or "")
    place = _entry(document, "contexts", name)
    if place is None:
        if context:
            raise KubeconfigError(f'context "{context}" does not exist')
        if name:
            raise KubeconfigError(f"context was not found for specified context: {name}")
        place = {}
    cluster_name, user_name = cluster or place.get("cluster", ""), user or place.get("user", "")
    place_namespace = namespace or str(place.get("namespace") or "default")
    account = _entry(document, "users", user_name)
    if account is None and user:
        raise KubeconfigError(f'auth info "{user}" does not exist')
    server = _entry(document, "clusters", cluster_name)
    if server is None:
        if cluster:
            raise KubeconfigError(f'cluster "{cluster}" does not exist')
        if cluster_name:
            raise KubeconfigError(f'invalid configuration: no server found for cluster "{cluster_name}"')
        inside = in_cluster()  # only a config that is empty leads there, as upstream's does
        return inside or ClientConfig(server=NO_CONFIG_SERVER, namespace=place_namespace)
    if not server.get("server"):
        raise KubeconfigError(f'invalid configuration: no server found for cluster "{cluster_name}"')
    account = account or {}
    _refuse(server, "cluster", cluster_name)
    _refuse(account, "user", user_name)
    insecure = bool(server.get("insecure-skip-tls-verify"))
    ca = _pem(server, "certificate-authority")
    if insecure and ca:
        raise KubeconfigError("specifying a root certificates file with the insecure flag is not allowed")
    return ClientConfig(
        server=str(server["server"]),
        ca_pem=ca,
        client_cert_pem=_pem(account, "client-certificate"),
        client_key_pem=_pem(account, "client-key"),
        token=_token(account),
        namespace=place_namespace,
        context=name,
        insecure=insecure,
        server_name=str(server.get("tls-server-name") or ""),
    )


def in_cluster(environment: Mapping[str, str] | None = None, account: Path = _ACCOUNT) -> ClientConfig | None:
    """Return how a pod reaches the server that it runs under, or None outside of a pod."""
    environment = os.environ if environment is None else environment
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port or not (account / "token").exists():
        return None
    return ClientConfig(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca_pem=(account / "ca.crt").read_bytes(),
        token=(account / "token").read_text().strip(),
        namespace=(account / "namespace").read_text().strip(),
    )


def _entry(document: Mapping[str, Any], section: str, name: str) -> dict[str, Any] | None:
    for entry in document.get(section) or ():
        if entry["name"] == name:
            found: dict[str, Any] = entry.get(SECTIONS[section]) or {}
            return found
    return None


def _with_absolute_paths(entry: Mapping[str, Any], kind: str, file: Path) -> dict[str, Any]:
    changed = dict(entry)
    for field in _PATHS.get(kind, ()):
        if changed.get(field):
            changed[field] = str(file.resolve().parent / str(changed[field]))
    return changed


def _refuse(entry: Mapping[str, Any], kind: str, name: str) -> None:
    for field in _REFUSED[kind]:
        if entry.get(field):
            raise KubeconfigError(f'{kind} "{name}": podbay does not support {field} in a kubeconfig yet')


def _pem(entry: Mapping[str, Any], field: str) -> bytes:
    """Return what a pair of fields gives: the data itself goes before the file."""
    data = entry.get(f"{field}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise KubeconfigError(f"{field}-data is not base64: {error}") from None
    file = entry.get(field)
    if not file:
        return b""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise KubeconfigError(
            f"invalid configuration: unable to read {field} {file} due to {error.strerror or error}"
        ) from None


def _token(user: Mapping[str, Any]) -> str:
    """Return the bearer token: what the file holds, or the value if there is no file. Raises KubeconfigError."""
    token, file = str(user.get("token") or ""), user.get("tokenFile")
    if not file:
        return token
    try:
        return Path(str(file)).read_text().strip()
    except OSError as error:
        if token:
            return token
        raise KubeconfigError(f"open {file}: {error.strerror or error}") from None
