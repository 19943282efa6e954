"""The admission of service accounts: whose name a pod acts in, and whose pull secrets it has.

Takes the stored accounts and a new pod; changes the pod in place, or raises Forbidden in upstream's words. A pod that
names no pull secrets is given its account's.
Invariant: a stored pod names an account. ``default`` may be away for a moment: every namespace is made with one, and
one that was deleted comes back. Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount
"""

from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.resources import SERVICE_ACCOUNTS, Resource
from podbay.apiserver.storage.objects import Objects

_DEFAULT: Final = "default"
_MIRROR: Final = "kubernetes.io/config.mirror"


def admit_account(objects: Objects, resource: Resource, pod: dict[str, Any]) -> None:
    """Give a new pod the account ``default``, or see that the one that it names is there. Raises Forbidden."""
    metadata = pod["metadata"]
    if resource is not resources.PODS or _MIRROR in (metadata.get("annotations") or {}):
        return
    spec, namespace = pod["spec"], metadata["namespace"]
    name = spec.get("serviceAccountName") or _DEFAULT
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = objects.cache.of(SERVICE_ACCOUNTS).entries.get(objects.key(SERVICE_ACCOUNTS, namespace, name))
    pull_secrets = account.object().get("imagePullSecrets") if account is not None else None
    if pull_secrets and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = pull_secrets
    if name != _DEFAULT and account is None:
        shown = metadata.get("name") or metadata.get("generateName", "")
        raise Forbidden(
            f'pods "{shown}" is forbidden: error looking up service account {namespace}/{name}: serviceaccount "{name}"'
            " not found",
            details={"name": shown, "kind": "pods"},
        )
