"""Which volumes a pod may have: none of the host's at the level baseline, and only a few kinds at restricted.

Pure: checks over a pod's metadata and spec; one that has nothing to say gives None.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from typing import Final

from podbay.api.pod_security.violation import Object, Violation, named, plural, quoted

_ALLOWED: Final = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
)  # fmt: skip
_REFUSED: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
    "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
    "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos",
)  # fmt: skip


def host_paths(_: Object, spec: Object) -> Violation | None:
    """Refuse directories of the host."""
    names = [volume.get("name") or "" for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return Violation("hostPath volumes", named("volume", names)) if names else None


def restricted_volumes(_: Object, spec: Object) -> Violation | None:
    """Refuse all kinds of volumes but those that reach nothing beyond the pod's own namespace."""
    bad = [volume for volume in spec.get("volumes") or () if not any(volume.get(kind) is not None for kind in _ALLOWED)]
    if not bad:
        return None
    names, kinds = [volume.get("name") or "" for volume in bad], sorted({_kind(volume) for volume in bad})
    use = "uses" if len(names) == 1 else "use"
    told = f"{use} {plural('restricted volume type', kinds)} {quoted(kinds)}"
    return Violation("restricted volume types", f"{named('volume', names)} {told}")


def _kind(volume: Object) -> str:
    return next((kind for kind in _REFUSED if volume.get(kind) is not None), "unknown")
