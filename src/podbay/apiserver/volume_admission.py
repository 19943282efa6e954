"""The admission of volumes and of claims to them: default classes, protection, and who may grow.

Takes the stored objects and a new or changed one; changes it in place, or raises Forbidden in upstream's words.
Invariant: a volume or claim that is stored cannot vanish under those who use it: it is made with a finalizer, which
only its protection's controller takes away.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (DefaultStorageClass,
PersistentVolumeClaimResize, StorageObjectInUseProtection)
"""

from typing import Any, Final

from podbay.api.errors import Forbidden
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES, Resource
from podbay.api.volume_binding import OLD_CLASS, annotations_of, default_class, requested
from podbay.api.volume_protection import FINALIZERS
from podbay.apiserver.storage.objects import Objects

Object = dict[str, Any]

_NO_RESIZE: Final = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def admit_volume_create(objects: Objects, resource: Resource, obj: Object) -> None:
    """Protect a new volume or claim; give a claim that names no class the default one."""
    finalizer = FINALIZERS.get(resource.plural)
    if finalizer is None:
        return
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)
    if resource is not PERSISTENT_VOLUME_CLAIMS:
        return
    if obj["spec"].get("storageClassName") is None and OLD_CLASS not in annotations_of(obj):
        entries = objects.cache.of(STORAGE_CLASSES).entries.values()
        found = default_class([entry.object() for entry in entries])
        if found:
            obj["spec"]["storageClassName"] = found


def admit_resize(resource: Resource, new: Object, old: Object) -> None:
    """Refuse to let a claim grow: no class can do that, see the validation of storage classes. Raises Forbidden."""
    if resource is not PERSISTENT_VOLUME_CLAIMS or requested(new) <= requested(old):
        return
    name = new["metadata"]["name"]
    raise Forbidden(
        f'persistentvolumeclaims "{name}" is forbidden: {_NO_RESIZE}',
        details={"name": name, "kind": PERSISTENT_VOLUME_CLAIMS.plural},
    )
