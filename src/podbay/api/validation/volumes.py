"""Rules of volumes and of where containers mount them.

Takes a pod's ``volumes`` and a container's ``volumeMounts``; gives causes. Invariant: a mount names a valid volume
of its pod, and no two mounts of a container share a path.
Source: https://kubernetes.io/docs/concepts/storage/volumes/
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)


def validate_volumes(volumes: Sequence[Mapping[str, Any]], path: str) -> tuple[frozenset[str], list[Cause]]:
    """Return (the names of the valid volumes, what is wrong with the others)."""
    valid: set[str] = set()
    causes: list[Cause] = []
    for i, volume in enumerate(volumes):
        name, here = volume.get("name") or "", f"{path}[{i}]"
        found = _source(volume, here)
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
    return frozenset(valid), causes


def validate_mounts(mounts: Sequence[Mapping[str, Any]], volumes: Collection[str], path: str) -> list[Cause]:
    """Return what is wrong with a container's mounts of these volumes."""
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
        propagation = mount.get("mountPropagation")
        if propagation is not None and propagation not in ("None", "HostToContainer", "Bidirectional"):
            supported = ("Bidirectional", "HostToContainer", "None")
            causes.append(not_supported(f"{path}.mountPropagation", propagation, supported))
    return causes


def descending_path_problems(target: str) -> list[str]:
    """Return what keeps a path from staying below where it starts."""
    problems = ["must be a relative path"] if target.startswith("/") else []
    if ".." in target.split("/"):
        problems.append("must not contain '..'")
    return problems


def _source(volume: Mapping[str, Any], path: str) -> list[Cause]:
    kinds = [kind for kind, source in volume.items() if kind != "name" and source is not None]
    if not kinds:
        return [required(path, "must specify a volume type")]
    # The empty directory is looked at first, whichever is written first; each further kind is one too many.
    kinds.sort(key=lambda kind: kind != "emptyDir")
    causes = [forbidden(f"{path}.{kind}", "may not specify more than 1 volume type") for kind in kinds[1:]]
    size = (volume.get("emptyDir") or {}).get("sizeLimit")
    if size is not None:
        try:
            valid = Quantity.parse(size) >= Quantity(0)
        except ValueError:
            valid = False
        if not valid:
            detail = "SizeLimit field must be a valid resource quantity"
            causes.append(forbidden(f"{path}.emptyDir.sizeLimit", detail))
    return causes


def _sub_path(mount: Mapping[str, Any], path: str, here: str) -> list[Cause]:
    # Upstream reports the path problems at the list, not at the mount.
    plain, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
    causes = each_invalid(f"{path}.subPath", plain, descending_path_problems(plain))
    if expression and plain:
        detail = "subPathExpr and subPath are mutually exclusive"
        causes.append(invalid(f"{here}.subPathExpr", expression, detail))
    return causes + each_invalid(f"{path}.subPathExpr", expression, descending_path_problems(expression))
