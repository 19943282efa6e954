"""What keeps volumes and claims from vanishing while they are used, and who uses them.

Pure. Takes pods, claims and volumes; gives answers to admission, which adds the finalizers, and to the controllers,
which take them away.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.volume_binding import claim_names

CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"
FINALIZERS: Final[Mapping[str, str]] = {
    "persistentvolumeclaims": CLAIM_FINALIZER,
    "persistentvolumes": VOLUME_FINALIZER,
}


def uses_claim(pod: Mapping[str, Any], name: str) -> bool:
    """Tell whether a pod of a claim's namespace holds the claim: one without a node may yet be refused it."""
    return bool(pod["spec"].get("nodeName")) and name in claim_names(pod)


def is_volume_used(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume is bound to a claim."""
    return (volume.get("status") or {}).get("phase") == "Bound"
