"""Kubeconfig files: find, read and merge them, and resolve a context into a ClientConfig.

Takes files (``--kubeconfig``, or those of KUBECONFIG, or ``~/.kube/config``); gives one server and one identity.
``kubeconfig_file`` changes such files.
Invariant: of several files the first that has a name wins; relative paths count from the file that they stand in; what
podbay cannot honour (exec plugins, passwords, proxies) is refused, never left out.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from podbay.client.configuration import ClientConfig
from podbay.client.kubeconfig_file import SECTIONS, KubeconfigError, changing, merge, read, remove, write

__all__ = [
    "KubeconfigError", "Overrides", "changing", "files", "in_cluster", "load", "merge", "merged", "read", "remove",
    "resolve", "write",
]  # fmt: skip

NO_CONFIG_SERVER: Final = "http://localhost:8080"  # where upstream's clients look when nothing tells them
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATHS: Final = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
_REFUSED: Final = {
    "cluster": ("proxy-url",),
    "user": ("exec", "auth-provider", "username", "password", "as-user-extra"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a command line says itself; each value that is given takes the place of the file's."""

    server: str = ""
    token: str = ""
    insecure: bool | None = None
    server_name: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""


NO_OVERRIDES: Final = Overrides()


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
    path: str | Path | None = None,
    context: str = "",
    *,
    cluster: str = "",
    user: str = "",
    namespace: str = "",
    overrides: Overrides = NO_OVERRIDES,
) -> ClientConfig:
    """Return the server and identity of a context; the names given take the place of what the file says.

    Raises KubeconfigError with kubectl's message, OSError for a file that cannot be read.
    """
    document = merged(files(str(path) if path else ""))
    return resolve(document, context, cluster=cluster, user=user, namespace=namespace, overrides=overrides)


def resolve(
    document: Mapping[str, Any],
    context: str = "",
    *,
    cluster: str = "",
    user: str = "",
    namespace: str = "",
    overrides: Overrides = NO_OVERRIDES,
) -> ClientConfig:
    """Return what a merged config says about a context (the current one, if none is named). Raises KubeconfigError."""
    name = context or str(document.get("current-context") or "")
    place = _entry(document, "contexts", name)
    if place is None:
        if name:
            raise KubeconfigError(f"Error in configuration: context was not found for specified context: {name}")
        place = {}
    cluster_name, user_name = cluster or place.get("cluster", ""), user or place.get("user", "")
    place_namespace = namespace or str(place.get("namespace") or "default")
    account = _entry(document, "users", user_name)
    if account is None and user:
        raise KubeconfigError(f'auth info "{user}" does not exist')
    server = _entry(document, "clusters", cluster_name)
    if server is None and cluster_name and not overrides.server:
        raise KubeconfigError(f'no server found for cluster "{cluster_name}"')
    if server is None and not overrides.server:
        inside = in_cluster()  # only a config that is empty leads there, as upstream's does
        return inside or ClientConfig(server=NO_CONFIG_SERVER, namespace=place_namespace)
    server, account = _overridden(server or {}, account or {}, overrides)
    if not server.get("server"):
        raise KubeconfigError(f'no server found for cluster "{cluster_name}"')
    _refuse(server, "cluster", cluster_name)
    _refuse(account, "user", user_name)
    insecure = bool(server.get("insecure-skip-tls-verify"))
    ca = _pem(server, "certificate-authority", cluster_name)
    if insecure and ca:
        raise KubeconfigError("specifying a root certificates file with the insecure flag is not allowed")
    return ClientConfig(
        server=str(server["server"]),
        ca_pem=ca,
        client_cert_pem=_pem(account, "client-certificate", user_name),
        client_key_pem=_pem(account, "client-key", user_name),
        token=_token(account),
        namespace=place_namespace,
        context=name,
        insecure=insecure,
        server_name=str(server.get("tls-server-name") or ""),
        impersonation=_impersonation(account, user_name),
    )


def _overridden(
    server: Mapping[str, Any], account: Mapping[str, Any], overrides: Overrides
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a cluster and a user as the command line wants them. Pure."""
    server, account = dict(server), dict(account)
    if overrides.server:
        whole = "://" in overrides.server
        server["server"] = overrides.server if whole else f"http://{overrides.server}"
    if overrides.insecure is not None or overrides.certificate_authority:
        for field in ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"):
            server.pop(field, None)
        server["insecure-skip-tls-verify"] = bool(overrides.insecure)
    for entry, field, value in (
        (server, "certificate-authority", overrides.certificate_authority),
        (server, "tls-server-name", overrides.server_name),
        (account, "client-certificate", overrides.client_certificate),
        (account, "client-key", overrides.client_key),
        (account, "token", overrides.token),
        (account, "as", overrides.user),
        (account, "as-uid", overrides.uid),
        (account, "as-groups", list(overrides.groups)),
    ):
        if value:
            for other in (f"{field}-data", "tokenFile" if field == "token" else ""):
                entry.pop(other, None)
            entry[field] = value
    return server, account


def _impersonation(account: Mapping[str, Any], name: str) -> tuple[tuple[str, str], ...]:
    """Return the headers that ask to be somebody else. Raises KubeconfigError."""
    user, uid, groups = account.get("as"), account.get("as-uid"), account.get("as-groups") or []
    if not user:
        if uid or groups:
            raise KubeconfigError(f"requesting uid, groups or user-extra for {name} without impersonating a user")
        return ()
    headers = [("Impersonate-User", str(user)), *(("Impersonate-Group", str(group)) for group in groups)]
    return (*headers, *((("Impersonate-Uid", str(uid)),) if uid else ()))


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


_SHOWN: Final = {"client-certificate": "client-cert"}  # the names that kubectl's messages have


def _pem(entry: Mapping[str, Any], field: str, name: str) -> bytes:
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
            f"unable to read {_SHOWN.get(field, field)} {file} for {name} due to open {file}: {_lowered(error)}"
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
        raise KubeconfigError(f"open {file}: {_lowered(error)}") from None


def _lowered(error: OSError) -> str:
    """Return the system's words as Go writes them."""
    return (error.strerror or str(error)).lower()
