"""Defaults of persistent volumes, of claims to them, and of storage classes.

Takes one of them; changes it in place. Source:
https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/
"""

from typing import Any

from podbay.api.defaults.resource_lists import round_up


def default_persistent_volume(volume: dict[str, Any]) -> None:
    """Fill in every default of a persistent volume."""
    spec = volume.setdefault("spec", {})
    if not spec.get("persistentVolumeReclaimPolicy"):
        spec["persistentVolumeReclaimPolicy"] = "Retain"
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    host_path = spec.get("hostPath")
    if isinstance(host_path, dict) and host_path.get("type") is None:
        host_path["type"] = ""
    round_up(spec.get("capacity"))
    _default_phase(volume)


def default_claim(claim: dict[str, Any]) -> None:
    """Fill in every default of a claim."""
    default_claim_spec(claim.setdefault("spec", {}))
    round_up((claim.get("status") or {}).get("capacity"))
    _default_phase(claim)


def default_claim_spec(spec: dict[str, Any]) -> None:
    """Fill in every default of what is claimed."""
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    resources = spec.get("resources") or {}
    round_up(resources.get("limits"))
    round_up(resources.get("requests"))


def default_storage_class(obj: dict[str, Any]) -> None:
    """Fill in every default of a storage class."""
    if obj.get("reclaimPolicy") is None:
        obj["reclaimPolicy"] = "Delete"
    if obj.get("volumeBindingMode") is None:
        obj["volumeBindingMode"] = "Immediate"


def _default_phase(obj: dict[str, Any]) -> None:
    status = obj.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Pending"
