"""The admission of service accounts: whose name a pod acts in, its token, and its pull secrets.

Takes the stored accounts and a new pod; changes the pod in place, or raises Forbidden in upstream's words. A pod is
given a volume with its account's token, unless it or else its account says no; one that names no pull secrets is given
its account's.
Invariant: a stored pod acts as an account that was there. ``default`` may be away for a moment, which is waited for:
one that was deleted comes back. A mirror pod shows what a kubelet runs already: it has no account and no secret.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount
"""

from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.mirror_pods import is_mirror
from podbay.api.names import generate_name
from podbay.api.namespace_furniture import DEFAULT_ACCOUNT, ROOT_CA
from podbay.api.pod_references import referenced
from podbay.api.resources import SERVICE_ACCOUNTS, Resource
from podbay.apiserver.storage.objects import Objects
from podbay.lib.clock import Clock

_TRIES: Final = 10
_WAIT_S: Final = 0.1
_VOLUME: Final = "kube-api-access-"
_PLACE: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_LASTS_S: Final = 3607

Object = dict[str, Any]


async def admit_account(objects: Objects, clock: Clock, resource: Resource, pod: Object, *, with_token: bool) -> None:
    """Give a new pod its account, if it names none ``default``, and what comes with it. Raises Forbidden.

    ``with_token`` False is a server that publishes no certificate: there is nobody to show a token to.
    """
    if resource is not resources.PODS:
        return
    if is_mirror(pod):
        _check_mirror(pod)
        return
    spec = pod["spec"]
    name = spec.get("serviceAccountName") or DEFAULT_ACCOUNT
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = await _account(objects, clock, pod, name)
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    if with_token and _wants_token(spec, account):
        _mount_token(spec)


async def _account(objects: Objects, clock: Clock, pod: Object, name: str) -> Object:
    """Return an account. Raises Forbidden if it is not there."""
    namespace = pod["metadata"]["namespace"]
    key = objects.key(SERVICE_ACCOUNTS, namespace, name)
    for attempt in range(_TRIES if name == DEFAULT_ACCOUNT else 1):
        if attempt:
            await clock.sleep(_WAIT_S)
        entry = objects.cache.of(SERVICE_ACCOUNTS).entries.get(key)
        if entry is not None:
            return entry.object()
    missing = f'serviceaccount "{name}" not found'
    raise _forbidden(pod, f"error looking up service account {namespace}/{name}: {missing}")


def _wants_token(spec: Object, account: Object) -> bool:
    """Tell whether a pod is given a token: it decides itself, else its account."""
    for source in (spec, account):
        wanted = source.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _mount_token(spec: Object) -> None:
    """Mount a token in every container that has nothing at its place, from a volume that is made if need be."""
    names = (volume.get("name", "") for volume in spec.get("volumes") or ())  # validation comes later
    there = [name for name in names if name.startswith(_VOLUME)]
    name = there[0] if there else generate_name(_VOLUME)
    is_needed = False
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            mounts = container.setdefault("volumeMounts", [])
            if not any(mount.get("mountPath") == _PLACE for mount in mounts):
                mounts.append({"name": name, "readOnly": True, "mountPath": _PLACE})
                is_needed = True
    if is_needed and not there:
        spec.setdefault("volumes", []).append({"name": name, "projected": _projection()})


def _projection() -> Object:
    """Return what a client in a pod needs to reach the API server: a token, the server's CA, its own namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _LASTS_S, "path": "token"}},
            {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [namespace]}},
        ],
        "defaultMode": 0o644,
    }


def _check_mirror(pod: Object) -> None:
    """See that a mirror pod asks for nobody's identity, and for no secret. Raises Forbidden."""
    spec = pod["spec"]
    if spec.get("serviceAccountName"):
        raise _forbidden(pod, "a mirror pod may not reference service accounts")
    if referenced(pod, "secret"):
        raise _forbidden(pod, "a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        if any("serviceAccountToken" in source for source in (volume.get("projected") or {}).get("sources") or ()):
            raise _forbidden(pod, "a mirror pod may not use ServiceAccountToken volume projections")


def _forbidden(pod: Object, why: str) -> Forbidden:
    shown = pod["metadata"].get("name") or pod["metadata"].get("generateName", "")
    return Forbidden(f'pods "{shown}" is forbidden: {why}', details={"name": shown, "kind": "pods"})
