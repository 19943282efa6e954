"""What every namespace has from its first moment: the account ``default``, and the CA that its pods trust.

Pure. The API server makes these with the namespace; controllers bring back what somebody takes away.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ and
https://kubernetes.io/docs/reference/config-api/ (the config map ``kube-root-ca.crt``)
"""

from typing import Any, Final

from podbay.api.resources import CONFIG_MAPS, SERVICE_ACCOUNTS, Resource

DEFAULT_ACCOUNT: Final = "default"
ROOT_CA: Final = "kube-root-ca.crt"
DESCRIPTION: Final = "kubernetes.io/description"
_DESCRIBED: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the"
    " internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes"
    " clusters."
)

Object = dict[str, Any]


def default_account() -> Object:
    """Return the account that pods act as which name no other."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT_ACCOUNT}}


def root_ca_map(certificate: str) -> Object:
    """Return the config map by which pods know the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ROOT_CA, "annotations": {DESCRIPTION: _DESCRIBED}},
        "data": {"ca.crt": certificate},
    }


def furniture(certificate: str) -> list[tuple[Resource, Object]]:
    """Return all of it; a server that is not told its certificate publishes none."""
    maps = [(CONFIG_MAPS, root_ca_map(certificate))] if certificate else []
    return [(SERVICE_ACCOUNTS, default_account()), *maps]
