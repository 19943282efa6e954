"""What a pod names of the API: secrets, config maps, claims and service accounts.

Pure. Takes a pod; gives names. A pod that a node runs of its own, from a file, may name none: its node could not read
them, and naming them must not let it.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ ; upstream's HasAPIObjectReference.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from podbay.api.ephemeral_volumes import ephemeral_volumes_of
from podbay.api.volume_binding import named_claims


def referenced(pod: Mapping[str, Any], kind: str) -> set[str]:
    """Return the names of the secrets (``secret``) or config maps (``configMap``) that a pod's spec names."""
    return {name for name in _references(pod.get("spec") or {}, kind) if name}


def api_reference(pod: Mapping[str, Any]) -> str:
    """Return the plural of a kind of which a pod names an object, or which is made for it, or nothing."""
    spec = pod.get("spec") or {}
    sources = [s for v in spec.get("volumes") or () for s in (v.get("projected") or {}).get("sources") or ()]
    if spec.get("serviceAccountName") or any("serviceAccountToken" in source for source in sources):
        return "serviceaccounts"
    for kind in ("secret", "configMap"):
        if referenced(pod, kind):
            return f"{kind.lower()}s"
    if named_claims(pod):
        return "persistentvolumeclaims"
    return "persistentvolumeclaims (via ephemeral volumes)" if ephemeral_volumes_of(pod) else ""


def _references(value: Any, kind: str) -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key in (f"{kind}KeyRef", f"{kind}Ref", kind) and isinstance(child, Mapping):
                yield str(child.get("name") or child.get("secretName") or "")
            elif key == "imagePullSecrets" and kind == "secret":
                yield from (str(reference.get("name", "")) for reference in child)
            yield from _references(child, kind)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child, kind)
