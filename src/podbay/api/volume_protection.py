"""What keeps volumes and claims from vanishing while they are used, and who uses them.

Pure. Takes pods, claims and volumes; gives answers to admission, which adds the finalizers, and to the controllers,
which take them away.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.ephemeral_volumes import ephemeral_claim_names, ownership_problem
from podbay.api.volume_binding import named_claims

CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"
FINALIZERS: Final[Mapping[str, str]] = {
    "persistentvolumeclaims": CLAIM_FINALIZER,
    "persistentvolumes": VOLUME_FINALIZER,
}


def uses_claim(pod: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    """Tell whether a pod of a claim's namespace holds the claim: one without a node may yet be refused it.

    A claim that was made for the pod is held only until its kubelet is done with the pod, so that neither waits for
    the other.
    """
    name = claim["metadata"]["name"]
    if not pod["spec"].get("nodeName"):
        return False
    is_own = name in ephemeral_claim_names(pod) and not ownership_problem(pod, claim)
    return name in named_claims(pod) or (is_own and not is_shut_down(pod))


def is_shut_down(pod: Mapping[str, Any]) -> bool:
    """Tell whether the kubelet is done with a deleted pod, or was not to be waited for."""
    metadata = pod["metadata"]
    return "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds") == 0


def is_volume_used(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume is bound to a claim."""
    return (volume.get("status") or {}).get("phase") == "Bound"
