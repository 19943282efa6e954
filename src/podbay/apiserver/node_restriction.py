"""What a node may write: its own node without its taints and the labels that steer pods, its lease, its mirror pods;
and which tokens it may ask for.

Pure. Takes the node's name, the new object and the one it replaces; raises, or lets it pass. Authorization let the
request through by its path; this looks at what it says.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import Forbidden
from podbay.api.mirror_pods import MIRROR
from podbay.api.pod_references import referenced
from podbay.api.resources import Resource
from podbay.api.volume_binding import claim_names

Object = Mapping[str, Any]

_RESTRICTED: Final = "node-restriction.kubernetes.io"
_KUBELET_LABELS: Final = frozenset({
    "kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region", "node.kubernetes.io/windows-build",
})  # fmt: skip
_KUBELET_LABEL_DOMAINS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")


def admit_node_write(node: str, resource: Resource, new: Object, old: Object | None) -> None:
    """Refuse what a node writes about others, or to its own advantage. Raises Forbidden."""
    name = new["metadata"].get("name", "")
    why = ""
    if resource is resources.NODES:
        why = _node(node, name, new, old)
    elif resource is resources.PODS:
        why = _mirror(node, new) if old is None else _labels_through_status(node, new, old)
    elif resource is resources.LEASES and name != node:
        why = "can only access node lease with the same name as the requesting node"
    if why:
        details = {"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {})
        raise Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)


def admit_node_token(node: str, account: str, reference: Object, pod: Object | None, audiences: Sequence[str]) -> None:
    """Refuse a token that is not for a pod on the node, or for an audience that no volume of it names.

    ``audiences`` are what is asked for besides the API server's own. Raises Forbidden.
    """
    why = ""
    if (reference.get("apiVersion"), reference.get("kind")) != ("v1", "Pod") or pod is None:
        why = "node requested token not bound to a pod"
    elif not reference.get("uid"):
        why = "node requested token with a pod binding without a uid"
    elif reference["uid"] != pod["metadata"]["uid"]:
        why = (
            f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record. The object"
            " might have been deleted and then recreated"
        )
    elif pod["spec"].get("nodeName") != node:
        why = "node requested token bound to a pod scheduled on a different node"
    elif len(audiences) > 1:
        why = "node may only request 0 or 1 audiences"
    elif audiences and audiences[0] not in _audiences(pod):
        why = (
            f'audience "{audiences[0]}" not found in pod spec volume, system:node:{node} is not authorized to request'
            " tokens for this audience"
        )
    if why:
        raise Forbidden(
            f'serviceaccounts "{account}" is forbidden: {why}', details={"name": account, "kind": "serviceaccounts"}
        )


def _audiences(pod: Object) -> set[str]:
    """Return for whom a pod's volumes want tokens."""
    volumes = pod["spec"].get("volumes") or ()
    sources = [source for volume in volumes for source in (volume.get("projected") or {}).get("sources") or ()]
    return {(source.get("serviceAccountToken") or {}).get("audience", "") for source in sources}


def _node(node: str, name: str, new: Object, old: Object | None) -> str:
    if name != node:
        return f'node "{node}" is not allowed to modify node "{name}"'
    spec, before = new.get("spec") or {}, (old or {}).get("spec") or {}
    if old is not None and (spec.get("taints") or []) != (before.get("taints") or []):
        return f'node "{node}" is not allowed to modify taints'
    labels = new["metadata"].get("labels") or {}
    previous = (old["metadata"].get("labels") or {}) if old is not None else {}
    changed = {key for key in labels.keys() | previous.keys() if labels.get(key) != previous.get(key)}
    forbidden = ", ".join(sorted(filter(_is_forbidden, changed)))
    if forbidden and old is None:
        return f'node "{node}" is not allowed to set the following labels: {forbidden}'
    return f"is not allowed to modify labels: {forbidden}" if forbidden else ""


def _is_forbidden(label: str) -> bool:
    domain = label.rpartition("/")[0]
    if _is_in(domain, _RESTRICTED):
        return True
    is_ours = _is_in(domain, "kubernetes.io") or _is_in(domain, "k8s.io")
    return is_ours and label not in _KUBELET_LABELS and not any(_is_in(domain, d) for d in _KUBELET_LABEL_DOMAINS)


def _is_in(domain: str, wanted: str) -> bool:
    return domain == wanted or domain.endswith(f".{wanted}")


def _labels_through_status(node: str, new: Object, old: Object) -> str:
    same = (new["metadata"].get("labels") or {}) == (old["metadata"].get("labels") or {})
    return "" if same else f'node "{node}" cannot update labels through pod status'


def _mirror(node: str, pod: Object) -> str:
    """Return why a node may not make a pod: it may only show the ones that it runs of its own."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    if MIRROR not in (metadata.get("annotations") or {}):
        return f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
    if spec.get("nodeName") != node:
        return f'node "{node}" can only create pods with spec.nodeName set to itself'
    owners = metadata.get("ownerReferences") or []
    if len(owners) > 1:
        return f'node "{node}" can only create pods with a single owner reference set to itself'
    owner = owners[0] if owners else {}
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        return f'node "{node}" can only create pods with an owner reference set to itself'
    if not owner.get("controller"):
        return f'node "{node}" can only create pods with a controller owner reference set to itself'
    if owner.get("blockOwnerDeletion"):
        return f'node "{node}" must not set blockOwnerDeletion on an owner reference'
    if spec.get("serviceAccountName"):
        return f'node "{node}" can not create pods that reference a service account'
    for kind in ("secret", "configMap"):
        if referenced(pod, kind):
            return f'node "{node}" can not create pods that reference {kind.lower()}s'
    if claim_names(pod):
        return f'node "{node}" can not create pods that reference persistentvolumeclaims'
    return ""
