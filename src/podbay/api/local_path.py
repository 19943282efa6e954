"""Volumes that are directories of a node: the class by which claims get them, and how they look.

Pure. Takes a claim, its class and its node; gives the volume to the provisioner, and to the node's kubelet what tells
it that a volume is its own to make and remove.
Invariant: such a volume can be used on one node, and its directory is right below the one that this node has told.
Source: https://github.com/rancher/local-path-provisioner (the names, which what is written for others expects)
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from podbay.api.volume_binding import PROVISIONED_BY, WAITS_FOR_CONSUMER, annotations_of

Object = Mapping[str, Any]

PROVISIONER: Final = "rancher.io/local-path"
CLASS: Final = "standard"
NODE: Final = "podbay.dev/node"  # label of a volume: whose directory it is
DIRECTORY: Final = "podbay.dev/local-path-directory"  # annotation of a node: below which its volumes are
FINALIZER: Final = "external-provisioner.volume.kubernetes.io/finalizer"
_HOSTNAME: Final = "kubernetes.io/hostname"
_MODES: Final = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


def default_storage_class() -> dict[str, Any]:
    """Return the class that a server makes when it starts."""
    return {
        "kind": "StorageClass",
        "apiVersion": "storage.k8s.io/v1",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": WAITS_FOR_CONSUMER,
    }


def problem(claim: Object, node: str) -> str:
    """Return why a claim cannot be given a directory, or nothing. ``node`` is empty if none was selected."""
    spec = claim["spec"]
    if not set(spec.get("accessModes") or ()) <= _MODES:
        return "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"
    if spec.get("selector") is not None:
        return "claim.Spec.Selector is not supported"
    if (spec.get("volumeMode") or "Filesystem") != "Filesystem":
        return "only volumes of mode Filesystem are directories"
    return "" if node else "configuration error, no node was specified"


def volume_for(claim: Object, storage_class: Object, node: Object, directory: str) -> dict[str, Any]:
    """Return the volume that a claim gets on a node."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    host = node["metadata"]["name"]
    path = posixpath.join(directory, f"{name}_{metadata['namespace']}_{metadata['name']}")
    policy = storage_class.get("reclaimPolicy") or "Delete"
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "labels": {NODE: host},
            "annotations": {PROVISIONED_BY: PROVISIONER, "local.path.provisioner/selected-node": host},
        },
        "spec": {
            "accessModes": list(spec["accessModes"]),
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "hostPath": {"path": path, "type": "DirectoryOrCreate"},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": _HOSTNAME, "operator": "In", "values": [_host_label(node)]}]}
                    ]
                }
            },
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": "Filesystem",
        },
    }
    if policy == "Delete":
        found["metadata"]["finalizers"] = [FINALIZER]
    return found


def is_of_node(volume: Object, node: str) -> bool:
    """Tell whether a volume is a directory that a node has to see to."""
    labels = volume["metadata"].get("labels") or {}
    return bool(labels.get(NODE) == node and annotations_of(volume).get(PROVISIONED_BY) == PROVISIONER)


def path_of(volume: Object, directory: str) -> str:
    """Return a volume's directory; empty if it is not right below the node's, whoever has written the volume."""
    path = str((volume["spec"].get("hostPath") or {}).get("path") or "")
    clean = posixpath.normpath(path)
    parent, name = posixpath.split(clean)
    is_below = parent == posixpath.normpath(directory) and name not in ("", ".", "..")
    return clean if is_below and ".." not in path.split("/") else ""  # a link could lead "..", too, elsewhere


def _host_label(node: Object) -> str:
    return str((node["metadata"].get("labels") or {}).get(_HOSTNAME) or node["metadata"]["name"])
