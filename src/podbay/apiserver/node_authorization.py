"""What a node may do: read its own node, its own pods and what they name, and tell of them.

Pure. Takes the node's name, what a request is about and its pods; gives None for a yes, else why not (which may be
nothing to say). What a node writes about itself and its pods, admission looks at again.
Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from podbay.api.local_path import NODE as OWNER
from podbay.api.local_path import is_of_node
from podbay.api.pod_references import referenced
from podbay.api.selectors import parse_field_selector
from podbay.api.volume_binding import claim_names
from podbay.apiserver.request_info import RequestInfo

PodsOfNode = Callable[[str, str, str], Iterable[Mapping[str, Any]]]  # of a node, in a namespace, with a name or any

VolumeNamed = Callable[[str], Mapping[str, Any] | None]

_READ: Final = ("get", "list", "watch")
_LEASES: Final = "kube-node-lease"


def node_refusal(node: str, info: RequestInfo, pods_of_node: PodsOfNode, volume_named: VolumeNamed) -> str | None:
    """Return None if a node may do it, else the reason, which may be empty."""
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    match info.group, resource:
        case "", "nodes":
            return _own_node(node, info)
        case "", "nodes/status":
            return None if info.verb in ("patch", "update") else ""
        case "", "pods":
            return _pods(node, info, pods_of_node)
        case "", "pods/status":
            if info.verb not in ("patch", "update"):
                return ""
            own = any(True for _ in pods_of_node(node, info.namespace, info.name))
            return None if own else _only_own(node, "update pod status for")
        case "", "secrets" | "configmaps":
            return _named_by_pods(node, info, pods_of_node)
        case "", "persistentvolumeclaims":
            return _claims(node, info, pods_of_node)
        case "", "persistentvolumes":
            return _volumes(node, info, pods_of_node, volume_named)
        case "", "serviceaccounts/token":
            return _token(node, info, pods_of_node)
        case "authentication.k8s.io", "tokenreviews":
            return None if info.verb == "create" else ""
        case "node.k8s.io", "runtimeclasses":
            return None if info.verb in _READ else ""
        case "coordination.k8s.io", "leases":
            return _lease(node, info)
        case (("" | "events.k8s.io"), "events"):
            return None if info.verb in ("create", "patch", "update") else ""
        case _:
            return ""


def _own_node(node: str, info: RequestInfo) -> str | None:
    if info.verb in ("create", "patch", "update"):
        return None  # whether it is its own, admission knows
    if info.verb not in _READ:
        return ""
    if not info.subject_name:
        return f"node '{node}' cannot read all nodes, only its own Node object"
    if info.subject_name != node:
        return f"node '{node}' cannot read '{info.subject_name}', only its own Node object"
    return None


def _pods(node: str, info: RequestInfo, pods_of_node: PodsOfNode) -> str | None:
    name = info.subject_name
    own = bool(name) and any(True for _ in pods_of_node(node, info.namespace, name))
    match info.verb:
        case "get":
            return None if own else f"no relationship found between node '{node}' and this object"
        case "list" | "watch":
            if own or _selected_node(info) == node:
                return None
            if name:
                return f"no relationship found between node '{node}' and this object"
            return "can only list/watch pods with spec.nodeName field selector"
        case "create":
            return None  # whether it mirrors a pod of the node's own, admission knows
        case "delete":
            return None if own else _only_own(node, "delete")
        case _:
            return ""


def _named_by_pods(node: str, info: RequestInfo, pods_of_node: PodsOfNode) -> str | None:
    if info.verb not in _READ:
        return "can only read resources of this type"
    if not info.namespace:
        return "can only read namespaced object of this type"
    if not info.subject_name:
        return "No Object name found"
    kind = "secret" if info.resource == "secrets" else "configMap"
    if any(info.subject_name in referenced(pod, kind) for pod in pods_of_node(node, info.namespace, "")):
        return None
    return f"no relationship found between node '{node}' and this object"


def _claims(node: str, info: RequestInfo, pods_of_node: PodsOfNode) -> str | None:
    if info.verb != "get" or not info.name:
        return "can only get individual resources of this type"
    if any(info.name in claim_names(pod) for pod in pods_of_node(node, info.namespace, "")):
        return None
    return f"no relationship found between node '{node}' and this object"


def _volumes(node: str, info: RequestInfo, pods_of_node: PodsOfNode, volume_named: VolumeNamed) -> str | None:
    """Let a node read what its pods claim; and see to the volumes that are its directories, which upstream has not."""
    if info.verb in ("list", "watch"):
        own = info.query.get("labelSelector", "") == f"{OWNER}={node}"
        return None if own else "can only get individual resources of this type"
    if info.verb not in ("get", "update", "delete") or not info.name:
        return "can only get individual resources of this type"
    volume = volume_named(info.name)
    if volume is not None and is_of_node(volume, node):
        return None
    claim = ((volume or {}).get("spec") or {}).get("claimRef") or {}
    pods = pods_of_node(node, claim.get("namespace", ""), "") if claim and info.verb == "get" else ()
    if any(claim.get("name") in claim_names(pod) for pod in pods):
        return None
    return f"no relationship found between node '{node}' and this object"


def _token(node: str, info: RequestInfo, pods_of_node: PodsOfNode) -> str | None:
    if info.verb != "create" or not info.name:
        return "can only create tokens for individual service accounts"
    pods = pods_of_node(node, info.namespace, "")
    if any((pod.get("spec") or {}).get("serviceAccountName") == info.name for pod in pods):
        return None
    return f"no relationship found between node '{node}' and this object"


def _lease(node: str, info: RequestInfo) -> str | None:
    if info.verb not in ("get", "create", "update", "patch", "delete"):
        return "can only get, create, update, patch, or delete a node lease"
    if info.namespace != _LEASES:
        return f'can only access leases in the "{_LEASES}" system namespace'
    if info.verb != "create" and info.name != node:
        return "can only access node lease with the same name as the requesting node"
    return None


def _selected_node(info: RequestInfo) -> str | None:
    try:
        return parse_field_selector(info.query.get("fieldSelector", "")).required("spec.nodeName")
    except ValueError:
        return None


def _only_own(node: str, what: str) -> str:
    return f'node "{node}" can only {what} pods with spec.nodeName set to itself'
