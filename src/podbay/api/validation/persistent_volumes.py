"""Rules of persistent volumes.

Takes defaulted volumes; gives causes. Invariant: a volume that passes has one source that a kubelet of ours can mount,
a capacity above nothing, and a node affinity that can be evaluated.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistent-volumes
"""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.claim_specs import (
    access_mode_causes,
    class_name_causes,
    positive_causes,
    volume_mode_causes,
)
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, not_supported, required
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from podbay.api.validation.placement import validate_node_selector_terms
from podbay.api.validation.unsupported import FIELD_TEXT
from podbay.api.validation.volume_sources import backstep_problems, validate_host_path

Object = Mapping[str, Any]

_POLICIES: Final = ("Delete", "Recycle", "Retain")
_COMMON: Final = frozenset({
    "capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions",
    "volumeMode", "nodeAffinity", "volumeAttributesClassName",
})  # fmt: skip
_MOST_THAN_ONE: Final = "may not specify more than 1 volume type"


def validate_persistent_volume(volume: Object) -> list[Cause]:
    """Return what is wrong with a new persistent volume."""
    causes = validate_metadata(volume, names.dns1123_subdomain_problems, namespaced=False)
    spec = volume.get("spec") or {}
    causes += access_mode_causes(spec.get("accessModes") or (), "spec.accessModes")
    causes += _capacity(spec.get("capacity") or {}, "spec.capacity")
    policy = spec.get("persistentVolumeReclaimPolicy") or ""
    if policy and policy not in _POLICIES:
        causes.append(not_supported("spec.persistentVolumeReclaimPolicy", policy, _POLICIES))
    affinity = spec.get("nodeAffinity")
    causes += [] if affinity is None else _node_affinity(affinity, "spec.nodeAffinity")
    causes += _source(spec)
    host_path = (spec.get("hostPath") or {}).get("path") or ""
    if host_path and posixpath.normpath(host_path) == "/" and policy == "Recycle":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        causes.append(forbidden("spec.persistentVolumeReclaimPolicy", detail))
    causes += class_name_causes(spec.get("storageClassName") or "", "spec.storageClassName")
    causes += volume_mode_causes(spec.get("volumeMode"), "spec.volumeMode")
    return causes + [
        forbidden(f"spec.{name}", FIELD_TEXT)
        for name in ("mountOptions", "volumeAttributesClassName")
        if spec.get(name)
    ]


def validate_persistent_volume_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a persistent volume: where the data is never changes."""
    causes = validate_metadata_update(new, old) + validate_persistent_volume(new)
    now, before = new.get("spec") or {}, old.get("spec") or {}
    if _sources(now) != _sources(before):
        detail = "spec.persistentvolumesource is immutable after creation"
        causes.append(forbidden("spec.persistentvolumesource", detail))
    if now.get("volumeMode") != before.get("volumeMode"):
        causes.append(invalid("volumeMode", now.get("volumeMode"), IMMUTABLE))
    if before.get("nodeAffinity") is not None and now.get("nodeAffinity") != before["nodeAffinity"]:
        causes.append(invalid("nodeAffinity", now.get("nodeAffinity"), IMMUTABLE))
    return causes


def _capacity(capacity: Object, path: str) -> list[Cause]:
    causes = [] if capacity else [required(path)]
    if set(capacity) != {"storage"}:
        causes.append(not_supported(path, dict(capacity), ("storage",)))
    for name, amount in sorted(capacity.items()):
        causes += positive_causes(name, amount, f"{path}[{name}]")
    return causes


def _node_affinity(affinity: Object, path: str) -> list[Cause]:
    needed = affinity.get("required")
    if needed is None:
        return [required(f"{path}.required", "must specify required node constraints")]
    return validate_node_selector_terms(needed, f"{path}.required")


def _source(spec: Object) -> list[Cause]:
    given = _sources(spec)
    if not given:
        return [required("spec", "must specify a volume type")]
    first, *others = sorted(given, key=_order)
    causes = [forbidden(f"spec.{kind}", _MOST_THAN_ONE) for kind in others]
    if first == "hostPath":
        return causes + validate_host_path(given[first], "spec.hostPath")
    if first != "local":
        return [*causes, forbidden(f"spec.{first}", FIELD_TEXT)]
    causes += _local(given[first], "spec.local")
    if (spec.get("nodeAffinity") or {}).get("required") is None:
        causes.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    return causes


def _local(source: Object, path: str) -> list[Cause]:
    where = source.get("path") or ""
    if not where:
        return [required(f"{path}.path")]
    causes = each_invalid(f"{path}.path", where, backstep_problems(where))
    return causes + ([forbidden(f"{path}.fsType", FIELD_TEXT)] if source.get("fsType") else [])


def _sources(spec: Object) -> dict[str, Any]:
    return {kind: source for kind, source in spec.items() if kind not in _COMMON and source is not None}


def _order(kind: str) -> tuple[int, str]:
    first: Iterable[str] = ("hostPath", "local")
    return (tuple(first).index(kind) if kind in first else 2), kind
