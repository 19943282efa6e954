"""Who may do what: a fixed table in upstream's terms, until RBAC's kinds are served.

Takes an identity and what a request is about; gives a yes, or Forbidden with upstream's message. ``system:masters``
may do everything; scheduler, controllers and nodes what upstream's roles give them (a node only its own objects and
what its pods name); any other authenticated user discovery, ``/version``, health, and who it is itself; service
accounts also by which keys tokens are checked. What an administrator's policies allow comes on top.
Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings and
https://kubernetes.io/docs/reference/access-authn-authz/node/
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from podbay.api.errors import Forbidden
from podbay.apiserver.identity import Identity
from podbay.apiserver.node_authorization import PodsOfNode, VolumeNamed, node_refusal
from podbay.apiserver.policies import Policy
from podbay.apiserver.request_info import RequestInfo
from podbay.apiserver.tokens.openid import CONFIGURATION, KEYS

_READ: Final = ("get", "list", "watch")
_PUBLIC: Final = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")
NODE_PREFIX: Final = "system:node:"
REGISTRY_PATH: Final = "/v2"
_DECISION: Final = "authorization.k8s.io/decision"
_REASON: Final = "authorization.k8s.io/reason"


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources (``pods/status`` names a subresource) of API groups."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, info: RequestInfo) -> bool:
        """Tell whether the rule covers a request."""
        resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        return (
            (info.verb in self.verbs or "*" in self.verbs)
            and (info.group in self.groups or "*" in self.groups)
            and (resource in self.resources or "*" in self.resources)
        )


_EVENTS: Final = Rule(("create", "patch", "update"), ("", "events.k8s.io"), ("events",))
_OF_ANYBODY: Final = Rule(("create",), ("authentication.k8s.io",), ("selfsubjectreviews",))
_OF_USER: Final[Mapping[str, tuple[Rule, ...]]] = {
    "system:kube-scheduler": (
        _EVENTS,
        Rule(_READ, ("",), ("nodes", "namespaces")),
        Rule((*_READ, "delete"), ("",), ("pods",)),
        Rule(("create",), ("",), ("bindings", "pods/binding")),
        Rule(("patch", "update"), ("",), ("pods/status",)),
        Rule(("create", "get", "list", "update", "watch"), ("coordination.k8s.io",), ("leases",)),
        Rule((*_READ, "patch", "update"), ("",), ("persistentvolumeclaims", "persistentvolumes")),
        Rule(_READ, ("storage.k8s.io",), ("storageclasses",)),
        Rule(_READ, ("policy",), ("poddisruptionbudgets",)),
    ),
    "system:serviceaccount:kube-system:disruption-controller": (
        _EVENTS,
        Rule(_READ, ("",), ("pods",)),
        Rule(_READ, ("policy",), ("poddisruptionbudgets",)),
        Rule(("update",), ("policy",), ("poddisruptionbudgets/status",)),
    ),
    "system:serviceaccount:kube-system:namespace-controller": (
        Rule(("delete", "get", "list", "watch"), ("",), ("namespaces",)),
        Rule(("update",), ("",), ("namespaces/finalize", "namespaces/status")),
        Rule(("delete", "deletecollection", "get", "list"), ("*",), ("*",)),
    ),
    "system:serviceaccount:kube-system:node-controller": (
        _EVENTS,
        Rule(("delete", "get", "list", "patch", "update", "watch"), ("",), ("nodes",)),
        Rule(_READ, ("coordination.k8s.io",), ("leases",)),
        Rule(("patch", "update"), ("",), ("nodes/status", "pods/status")),
        Rule(("delete", "get", "list", "watch"), ("",), ("pods",)),
    ),
    "system:serviceaccount:kube-system:route-controller": (
        _EVENTS,
        Rule(("list", "watch"), ("",), ("nodes",)),
        Rule(("patch",), ("",), ("nodes/status",)),
    ),
    "system:serviceaccount:kube-system:pod-garbage-collector": (
        Rule(("delete", "get", "list", "watch"), ("",), ("pods",)),
        Rule(_READ, ("",), ("nodes",)),
        Rule(("patch",), ("",), ("pods/status",)),
    ),
    "system:serviceaccount:kube-system:root-ca-cert-publisher": (
        Rule((*_READ, "create", "update"), ("",), ("configmaps",)),
        Rule(_READ, ("",), ("namespaces",)),
    ),
    "system:serviceaccount:kube-system:resourcequota-controller": (
        _EVENTS,
        Rule(("list", "watch"), ("*",), ("*",)),
        Rule(("update",), ("",), ("resourcequotas/status",)),
    ),
    "system:serviceaccount:kube-system:service-account-controller": (
        Rule(("create",), ("",), ("serviceaccounts",)),
        Rule(_READ, ("",), ("namespaces", "serviceaccounts")),
    ),
    "system:serviceaccount:kube-system:persistent-volume-binder": (
        _EVENTS,
        Rule(("create", "delete", *_READ, "update"), ("",), ("persistentvolumes",)),
        Rule((*_READ, "update"), ("",), ("persistentvolumeclaims",)),
        Rule(("update",), ("",), ("persistentvolumeclaims/status", "persistentvolumes/status")),
        Rule(_READ, ("",), ("pods",)),
        Rule(_READ, ("storage.k8s.io",), ("storageclasses",)),
    ),
    "system:serviceaccount:kube-system:pvc-protection-controller": (
        Rule((*_READ, "update"), ("",), ("persistentvolumeclaims",)),
        Rule(_READ, ("",), ("pods",)),
    ),
    "system:serviceaccount:kube-system:pv-protection-controller": (
        Rule((*_READ, "update"), ("",), ("persistentvolumes",)),
    ),
    "system:serviceaccount:kube-system:ephemeral-volume-controller": (
        _EVENTS,
        Rule(("create", *_READ), ("",), ("persistentvolumeclaims",)),
        Rule(_READ, ("",), ("pods",)),
    ),
    "system:serviceaccount:kube-system:generic-garbage-collector": (
        Rule(("delete", *_READ), ("",), ("persistentvolumeclaims",)),
        Rule(_READ, ("",), ("pods",)),
    ),
    "system:serviceaccount:kube-system:local-path-provisioner": (
        _EVENTS,
        Rule(("create", *_READ), ("",), ("persistentvolumes",)),
        Rule((*_READ, "update"), ("",), ("persistentvolumeclaims",)),
        Rule(_READ, ("",), ("nodes",)),
        Rule(_READ, ("storage.k8s.io",), ("storageclasses",)),
    ),
}


def _to_nobody(key: str, value: str) -> None:
    """Note nothing: nobody writes down what was decided."""


def authorize(
    identity: Identity,
    info: RequestInfo,
    pods_of_node: PodsOfNode,
    volume_named: VolumeNamed,
    policies: Callable[[], Iterable[Policy]],
    annotate: Callable[[str, str], None] = _to_nobody,
) -> None:
    """Return if the identity may do it, and have the decision noted. Raises Forbidden."""
    reason = _refusal(identity, info, pods_of_node, volume_named)
    is_allowed = reason is None or any(policy.allows(identity, info) for policy in policies())
    annotate(_DECISION, "allow" if is_allowed else "forbid")
    annotate(_REASON, "" if is_allowed else reason or "")
    if not is_allowed:
        raise _forbidden(identity, info, reason or "")


def _refusal(identity: Identity, info: RequestInfo, pods_of_node: PodsOfNode, volume_named: VolumeNamed) -> str | None:
    """Return None if the fixed table lets the identity do it, else why not, as far as there is more to say."""
    if "system:masters" in identity.groups:
        return None
    if not info.is_resource:
        if info.verb in ("get", "head") and any(info.path == p or info.path.startswith(f"{p}/") for p in _PUBLIC):
            return None
        if info.verb in ("get", "head") and "system:nodes" in identity.groups and _is_registry(info.path):
            return None
        if info.verb in ("get", "head") and "system:serviceaccounts" in identity.groups and _is_issuer(info.path):
            return None
        return ""
    if any(rule.allows(info) for rule in (_OF_ANYBODY, *_OF_USER.get(identity.user, ()))):
        return None
    node = node_name(identity)
    return node_refusal(node, info, pods_of_node, volume_named) if node else ""


def node_name(identity: Identity) -> str:
    """Return the name of the node that an identity is, or nothing."""
    is_node = identity.user.startswith(NODE_PREFIX) and "system:nodes" in identity.groups
    return identity.user.removeprefix(NODE_PREFIX) if is_node else ""


def _is_registry(path: str) -> bool:
    return path == REGISTRY_PATH or path.startswith(f"{REGISTRY_PATH}/")


def _is_issuer(path: str) -> bool:
    return path.rstrip("/") in (CONFIGURATION, KEYS)


def _forbidden(identity: Identity, info: RequestInfo, reason: str) -> Forbidden:
    if not info.is_resource:
        return Forbidden(f'forbidden: User "{identity.user}" cannot {info.verb} path "{info.path}"')
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    name = info.subject_name
    subject = f'{qualified} "{name}"' if name else qualified
    place = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    details = {"kind": info.resource}
    if name:
        details = {"name": name} | details
    if info.group:
        details["group"] = info.group
    return Forbidden(
        f'{subject} is forbidden: User "{identity.user}" cannot {info.verb} resource "{resource}"'
        f' in API group "{info.group}" {place}' + (f": {reason}" if reason else ""),
        details=details,
    )
