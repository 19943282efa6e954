"""Who may do what: a fixed table in upstream's terms, until RBAC's kinds are served.

Takes an identity and what a request is about; gives a yes, or Forbidden with upstream's message. ``system:masters``
may do everything; scheduler, controllers and nodes what upstream's roles give them (a node only its own objects and
what its pods name); any other authenticated user discovery, ``/version`` and health.
Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings and
https://kubernetes.io/docs/reference/access-authn-authz/node/
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.errors import Forbidden
from podbay.api.selectors import parse_field_selector
from podbay.apiserver.identity import Identity
from podbay.apiserver.request_info import RequestInfo

_READ: Final = ("get", "list", "watch")
_PUBLIC: Final = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")
NODE_PREFIX: Final = "system:node:"
REGISTRY_PATH: Final = "/v2"
PodsOfNode = Callable[[str, str, str], Iterable[Mapping[str, Any]]]  # of a node, in a namespace, with a name or any


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
_OF_USER: Final[Mapping[str, tuple[Rule, ...]]] = {
    "system:kube-scheduler": (
        _EVENTS,
        Rule(_READ, ("",), ("nodes", "namespaces")),
        Rule((*_READ, "delete"), ("",), ("pods",)),
        Rule(("create",), ("",), ("bindings", "pods/binding")),
        Rule(("patch", "update"), ("",), ("pods/status",)),
        Rule(("create", "get", "list", "update", "watch"), ("coordination.k8s.io",), ("leases",)),
    ),
    "system:serviceaccount:kube-system:namespace-controller": (
        Rule(("delete", "get", "list", "watch"), ("",), ("namespaces",)),
        Rule(("update",), ("",), ("namespaces/finalize", "namespaces/status")),
        Rule(("delete", "deletecollection", "get", "list"), ("*",), ("*",)),
    ),
    "system:serviceaccount:kube-system:node-controller": (
        _EVENTS,
        Rule(("delete", "get", "list", "patch", "update", "watch"), ("",), ("nodes",)),
        Rule(("patch", "update"), ("",), ("nodes/status", "pods/status")),
        Rule(("delete", "get", "list", "watch"), ("",), ("pods",)),
    ),
    "system:serviceaccount:kube-system:pod-garbage-collector": (
        Rule(("delete", "get", "list", "watch"), ("",), ("pods",)),
        Rule(_READ, ("",), ("nodes",)),
        Rule(("patch",), ("",), ("pods/status",)),
    ),
}


def authorize(identity: Identity, info: RequestInfo, pods_of_node: PodsOfNode) -> None:
    """Return if the identity may do it. Raises Forbidden."""
    if "system:masters" in identity.groups:
        return
    if not info.is_resource:
        if info.verb in ("get", "head") and any(info.path == p or info.path.startswith(f"{p}/") for p in _PUBLIC):
            return
        if info.verb in ("get", "head") and "system:nodes" in identity.groups and _is_registry(info.path):
            return
        raise Forbidden(f'forbidden: User "{identity.user}" cannot {info.verb} path "{info.path}"')
    if any(rule.allows(info) for rule in _OF_USER.get(identity.user, ())):
        return
    if identity.user.startswith(NODE_PREFIX) and "system:nodes" in identity.groups:
        node = identity.user.removeprefix(NODE_PREFIX)
        if _node_may(node, info, pods_of_node):
            return
    raise _forbidden(identity, info)


def _is_registry(path: str) -> bool:
    return path == REGISTRY_PATH or path.startswith(f"{REGISTRY_PATH}/")


def _node_may(node: str, info: RequestInfo, pods_of_node: PodsOfNode) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    match info.group, resource:
        case "", "nodes":
            if info.verb == "create":
                return True
            return info.verb in (*_READ, "patch", "update") and _names(info, "metadata.name", node)
        case "", "nodes/status":
            return info.verb in ("patch", "update") and info.name == node
        case "", "pods":
            if info.verb in ("list", "watch"):
                return _names(info, "spec.nodeName", node)
            return info.verb in ("get", "delete") and _owns(info, node, pods_of_node)
        case "", "pods/status":
            return info.verb in ("patch", "update") and _owns(info, node, pods_of_node)
        case "", "secrets" | "configmaps" | "serviceaccounts":
            verbs = ("get",) if resource == "serviceaccounts" else _READ
            name = info.name or _selected(info, "metadata.name")
            return info.verb in verbs and any(
                _refers(pod, info.resource, name) for pod in pods_of_node(node, info.namespace, "") if name
            )
        case "coordination.k8s.io", "leases":
            if info.namespace != "kube-node-lease":
                return False
            return info.verb == "create" or (info.verb in ("get", "update", "patch", "delete") and info.name == node)
        case (("" | "events.k8s.io"), "events"):
            return info.verb in ("create", "patch", "update")
        case _:
            return False


def _names(info: RequestInfo, field: str, wanted: str) -> bool:
    if field == "metadata.name" and info.name:
        return info.name == wanted
    return _selected(info, field) == wanted


def _selected(info: RequestInfo, field: str) -> str:
    """Return the one value of a field that a list or watch is limited to, or nothing."""
    try:
        return parse_field_selector(info.query.get("fieldSelector", "")).required(field) or ""
    except ValueError:
        return ""


def _owns(info: RequestInfo, node: str, pods_of_node: PodsOfNode) -> bool:
    return any(True for _ in pods_of_node(node, info.namespace, info.name))


def _refers(pod: Mapping[str, Any], resource: str, name: str) -> bool:
    """Tell whether a pod's spec names a secret, config map or service account."""
    spec = pod.get("spec") or {}
    if resource == "serviceaccounts":
        return spec.get("serviceAccountName") == name
    return name in set(_referenced(spec, "secret" if resource == "secrets" else "configMap"))


def _referenced(value: Any, kind: str) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key in (f"{kind}KeyRef", f"{kind}Ref", kind) and isinstance(child, Mapping):
                yield str(child.get("name") or child.get("secretName") or "")
            elif key == "imagePullSecrets" and kind == "secret":
                yield from (str(reference.get("name", "")) for reference in child)
            yield from _referenced(child, kind)
    elif isinstance(value, list):
        for child in value:
            yield from _referenced(child, kind)


def _forbidden(identity: Identity, info: RequestInfo) -> Forbidden:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    subject = f'{qualified} "{info.name}"' if info.name else qualified
    place = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    details = {"kind": info.resource}
    if info.name:
        details = {"name": info.name} | details
    if info.group:
        details["group"] = info.group
    return Forbidden(
        f'{subject} is forbidden: User "{identity.user}" cannot {info.verb} resource "{resource}"'
        f' in API group "{info.group}" {place}',
        details=details,
    )
