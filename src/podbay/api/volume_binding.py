"""Which volume a claim may have: classes, sizes, access modes, selectors, and who is bound to whom.

Pure. Takes claims, volumes and storage classes as plain objects; gives answers to the binder, which binds by claims
alone, and to the scheduler, which binds for a node.
Invariant: a volume that is bound, or promised, to one claim never matches another.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from podbay.api.ephemeral_volumes import ephemeral_claim_names
from podbay.api.quantity import Quantity
from podbay.api.selectors import LabelSelector, matches_node_selector_terms

Object = Mapping[str, Any]

BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
OLD_PROVISIONER: Final = "volume.beta.kubernetes.io/storage-provisioner"
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
NO_PROVISIONER: Final = "kubernetes.io/no-provisioner"
OLD_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
WAITS_FOR_CONSUMER: Final = "WaitForFirstConsumer"
ONE_POD: Final = "ReadWriteOncePod"
_DEFAULTS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def annotations_of(obj: Object) -> Mapping[str, str]:
    """Return an object's annotations."""
    found: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return found


def class_of(obj: Object) -> str:
    """Return the name of a claim's or a volume's storage class; empty is none."""
    return annotations_of(obj).get(OLD_CLASS) or obj["spec"].get("storageClassName") or ""


def is_default(storage_class: Object) -> bool:
    """Tell whether claims that name no class get this one."""
    return any(annotations_of(storage_class).get(name) == "true" for name in _DEFAULTS)


def default_class(classes: Iterable[Object]) -> str:
    """Return the name of the default class: of several the newest, of those the first by name; empty is none."""
    found = [one["metadata"] for one in classes if is_default(one)]
    newest = max((metadata.get("creationTimestamp") or "" for metadata in found), default="")
    return min((m["name"] for m in found if (m.get("creationTimestamp") or "") == newest), default="")


def waits_for_consumer(storage_class: Object | None) -> bool:
    """Tell whether claims of a class are bound only once a pod that uses them has a node."""
    return (storage_class or {}).get("volumeBindingMode") == WAITS_FOR_CONSUMER


def is_bound(claim: Object) -> bool:
    """Tell whether a claim has its volume for good."""
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in annotations_of(claim)


def is_bound_to(volume: Object, claim: Object) -> bool:
    """Tell whether a volume is bound, or promised, to a claim."""
    reference = volume["spec"].get("claimRef") or {}
    metadata = claim["metadata"]
    if (reference.get("namespace"), reference.get("name")) != (metadata["namespace"], metadata["name"]):
        return False
    return not reference.get("uid") or bool(reference["uid"] == metadata["uid"])


def storage_of(amounts: Mapping[str, Any] | None) -> Quantity:
    """Return how much storage a volume has, or a claim requests."""
    return Quantity.parse((amounts or {}).get("storage") or 0)


def requested(claim: Object) -> Quantity:
    """Return how much a claim requests."""
    return storage_of((claim["spec"].get("resources") or {}).get("requests"))


def mismatch(volume: Object, claim: Object) -> str:
    """Return why a claim may not have the volume that it names, or nothing."""
    if storage_of(volume["spec"].get("capacity")) < requested(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if not _same_mode(volume, claim):
        return "incompatible volumeMode"
    return "" if _allows(volume, claim) else "incompatible accessMode"


def volumes_for(claim: Object, volumes: Iterable[Object], *, waits: bool = False) -> list[Object]:
    """Return the volumes that a claim may have: the one that is promised to it alone, or else the smallest first.

    ``waits``: only the promised one.
    """
    selector = claim["spec"].get("selector")
    wanted = None if selector is None else LabelSelector.of_object(selector)
    size, storage_class = requested(claim), class_of(claim)
    promised: list[Object] = []
    free: list[tuple[Quantity, str, Object]] = []
    for volume in volumes:
        spec, metadata = volume["spec"], volume["metadata"]
        is_promised = is_bound_to(volume, claim)
        if not is_promised and (waits or spec.get("claimRef") is not None):
            continue  # first, because most volumes are somebody's
        has = storage_of(spec.get("capacity"))
        if has < size or "deletionTimestamp" in metadata or not (_same_mode(volume, claim) and _allows(volume, claim)):
            continue
        if is_promised:
            promised.append(volume)
            continue
        is_free = (volume.get("status") or {}).get("phase") == "Available" and class_of(volume) == storage_class
        if is_free and (wanted is None or wanted.matches(metadata.get("labels") or {})):
            free.append((has, str(metadata["name"]), volume))
    if promised:
        return [min(promised, key=lambda volume: str(volume["metadata"]["name"]))]
    return [volume for _, _, volume in sorted(free, key=lambda found: found[:2])]


def bound_volume(volume: Object, claim: Object) -> dict[str, Any]:
    """Return a volume as it is once bound to a claim."""
    found, metadata = copy.deepcopy(dict(volume)), claim["metadata"]
    if not is_bound_to(volume, claim):
        found["metadata"].setdefault("annotations", {})[BOUND_BY_CONTROLLER] = "yes"
    reference = volume["spec"].get("claimRef") or {}
    if not (is_bound_to(volume, claim) and reference.get("uid")):
        found["spec"]["claimRef"] = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        }
    return found


def node_can_use(volume: Object, node: Object) -> bool:
    """Tell whether a node is one that a volume's node affinity means."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    if required is None:
        return True
    metadata = node["metadata"]
    fields = {"metadata.name": metadata["name"]}
    return matches_node_selector_terms(required.get("nodeSelectorTerms") or (), metadata.get("labels") or {}, fields)


def topology_allows(storage_class: Object, node: Object) -> bool:
    """Tell whether a class lets volumes be made for a node."""
    terms = storage_class.get("allowedTopologies") or ()
    labels = node["metadata"].get("labels") or {}
    return not terms or any(
        all(labels.get(one["key"]) in one["values"] for one in term.get("matchLabelExpressions") or ())
        for term in terms
    )


def claim_names(pod: Object) -> list[str]:
    """Return the names of the claims of a pod's volumes: those it names, and those that are made for it."""
    return [*named_claims(pod), *ephemeral_claim_names(pod)]


def named_claims(pod: Object) -> list[str]:
    """Return the names of the claims that a pod's volumes name, whosever they are."""
    volumes = pod["spec"].get("volumes") or ()
    return [v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim") is not None]


def _same_mode(volume: Object, claim: Object) -> bool:
    return bool((volume["spec"].get("volumeMode") or "Filesystem") == (claim["spec"].get("volumeMode") or "Filesystem"))


def _allows(volume: Object, claim: Object) -> bool:
    return set(claim["spec"].get("accessModes") or ()) <= set(volume["spec"].get("accessModes") or ())
