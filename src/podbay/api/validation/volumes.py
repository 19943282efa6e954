"""Rules of volumes and of where containers mount them.

Takes a pod's ``volumes`` and a container's ``volumeMounts``; gives causes. Invariant: a mount names a valid volume
of its pod, and no two mounts of a container share a path.
Source: https://kubernetes.io/docs/concepts/storage/volumes/
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.ephemeral_volumes import ephemeral_claim_names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)
from podbay.api.validation.volume_sources import descending_path_problems, validate_source

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")


def validate_volumes(
    volumes: Sequence[Mapping[str, Any]], path: str, pod_name: str = ""
) -> tuple[frozenset[str], list[Cause]]:
    """Return (the names of the valid volumes, what is wrong with the others)."""
    valid: set[str] = set()
    causes: list[Cause] = []
    named = [volume for volume in volumes if volume.get("name")]
    made = ephemeral_claim_names({"metadata": {"name": pod_name}, "spec": {"volumes": named}}) if pod_name else ()
    for i, volume in enumerate(volumes):
        name, here = volume.get("name") or "", f"{path}[{i}]"
        found = validate_source(volume, here, pod_name)
        if name:
            found += each_invalid(f"{here}.name", name, names.dns1123_label_problems(name))
        else:
            found.append(required(f"{here}.name"))
        if name in valid:
            found.append(duplicate(f"{here}.name", name))
        if found:
            causes += found
        else:
            valid.add(name)
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName") or ""
        if claim in made:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            causes.append(invalid(f"{here}.persistentVolumeClaim.claimName", claim, detail))
    return frozenset(valid), causes


def validate_mounts(container: Mapping[str, Any], volumes: Collection[str], path: str) -> list[Cause]:
    """Return what is wrong with a container's mounts of these volumes."""
    mounts = container.get("volumeMounts") or ()
    privileged = bool((container.get("securityContext") or {}).get("privileged"))
    causes, taken = [], set()
    for i, mount in enumerate(mounts):
        name, at, here = mount.get("name") or "", mount.get("mountPath") or "", f"{path}[{i}]"
        if not name:
            causes.append(required(f"{here}.name"))
        if name not in volumes:
            causes.append(not_found(f"{here}.name", name))
        if not at:
            causes.append(required(f"{here}.mountPath"))
        if at in taken:
            causes.append(invalid(f"{here}.mountPath", at, "must be unique"))
        taken.add(at)
        causes += _sub_path(mount, path, here)
        causes += _propagation(mount, path, privileged=privileged)
        causes += _recursive_read_only(mount, f"{path}.recursiveReadOnly")
    return causes


def _sub_path(mount: Mapping[str, Any], path: str, here: str) -> list[Cause]:
    # Upstream reports the path problems at the list, not at the mount.
    plain, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
    causes = each_invalid(f"{path}.subPath", plain, descending_path_problems(plain))
    if expression and plain:
        detail = "subPathExpr and subPath are mutually exclusive"
        causes.append(invalid(f"{here}.subPathExpr", expression, detail))
    return causes + each_invalid(f"{path}.subPathExpr", expression, descending_path_problems(expression))


def _propagation(mount: Mapping[str, Any], path: str, *, privileged: bool) -> list[Cause]:
    mode, here = mount.get("mountPropagation"), f"{path}.mountPropagation"
    if mode is not None and mode not in _PROPAGATIONS:
        return [not_supported(here, mode, _PROPAGATIONS)]
    if mode == "Bidirectional" and not privileged:
        detail = "Bidirectional mount propagation is available only to privileged containers"
        return [forbidden(here, detail)]
    return []


def _recursive_read_only(mount: Mapping[str, Any], path: str) -> list[Cause]:
    mode, causes = mount.get("recursiveReadOnly"), []
    if mode is None or mode == "Disabled":
        return []
    if mode not in _RECURSIVE:
        return [not_supported(path, mode, _RECURSIVE)]
    if not mount.get("readOnly"):
        causes.append(forbidden(path, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in (None, "None"):
        detail = "may only be specified when mountPropagation is None or not specified"
        causes.append(forbidden(path, detail))
    return causes
