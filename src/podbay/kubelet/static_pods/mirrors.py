"""Which mirror pods there should be, and what one looks like.

Pure. Takes the static pods that the node runs and the mirror pods that the API server has of the node; gives those to
delete and those that are missing.
Invariant: a mirror pod shows exactly one static pod, by name and hash; one that is being deleted, or that shows what
the node does not run, goes at once.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ ; upstream's mirror_client.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podbay.api.mirror_pods import HASH, MIRROR, annotations_of

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mirrors:
    """``delete``: mirror pods to delete. ``create``: static pods that nothing shows."""

    delete: tuple[Object, ...] = ()
    create: tuple[Object, ...] = ()


def plan_mirrors(pods: Mapping[str, Object], mirrors: Mapping[str, Object]) -> Mirrors:
    """Return what is to be done; both are by ``namespace/name``."""
    right = {key for key, mirror in mirrors.items() if key in pods and shows(mirror, pods[key])}
    return Mirrors(
        delete=tuple(mirror for key, mirror in mirrors.items() if key not in right),
        create=tuple(pod for key, pod in pods.items() if key not in right),
    )


def shows(mirror: Object, pod: Object) -> bool:
    """Tell whether a mirror pod shows a static pod as it is, and is going to stay."""
    same = annotations_of(mirror).get(MIRROR) == annotations_of(pod)[HASH]
    return same and "deletionTimestamp" not in mirror["metadata"]


def mirror_of(pod: Object, node: Object) -> Object:
    """Return the mirror pod to be made for a static pod. Its node owns it."""
    metadata = {name: value for name, value in pod["metadata"].items() if name != "uid"}
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": node["metadata"]["name"],
        "uid": node["metadata"]["uid"],
        "controller": True,
    }
    metadata["annotations"] = {**metadata["annotations"], MIRROR: annotations_of(pod)[HASH]}
    metadata["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
