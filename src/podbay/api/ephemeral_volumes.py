"""Volumes that a pod brings its own claim for: what the claim is called, how it looks, and whose it is.

Pure. Takes a pod, its volumes and claims; gives the claim to the controller that makes it, and to scheduler and kubelet
why a pod may not have a claim that is there. A claim of that name which somebody else made is never the pod's.
Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
"""

from collections.abc import Mapping
from typing import Any

Object = Mapping[str, Any]


def ephemeral_claim_name(pod: Object, volume: Object) -> str:
    """Return the name of the claim that is made for a pod's ephemeral volume."""
    return f"{pod['metadata']['name']}-{volume['name']}"


def ephemeral_claim_names(pod: Object) -> list[str]:
    """Return the names of the claims that are made for a pod's ephemeral volumes."""
    return [ephemeral_claim_name(pod, volume) for volume in ephemeral_volumes_of(pod)]


def ephemeral_volumes_of(pod: Object) -> list[Object]:
    """Return the volumes of a pod for which claims are made."""
    return [volume for volume in pod["spec"].get("volumes") or () if volume.get("ephemeral") is not None]


def ephemeral_claim(pod: Object, volume: Object) -> dict[str, Any]:
    """Return the claim to make for a pod's ephemeral volume: it is the pod's, and goes with it."""
    template, metadata = volume["ephemeral"]["volumeClaimTemplate"], pod["metadata"]
    described = template.get("metadata") or {}
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": ephemeral_claim_name(pod, volume),
            "ownerReferences": [owner],
            **{name: described[name] for name in ("annotations", "labels") if described.get(name)},
        },
        "spec": template["spec"],
    }


def ownership_problem(pod: Object, claim: Object) -> str:
    """Return why a claim that is called as a pod's is not the pod's, or nothing."""
    mine, its = pod["metadata"], claim["metadata"]
    controllers = [owner["uid"] for owner in its.get("ownerReferences") or () if owner.get("controller")]
    if mine["namespace"] == its["namespace"] and mine["uid"] in controllers:
        return ""
    return (
        f"PVC {its['namespace']}/{its['name']} was not created for pod {mine['namespace']}/{mine['name']}"
        " (pod is not owner)"
    )
