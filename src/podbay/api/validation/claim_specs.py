"""Rules of what is claimed: access modes, sizes, classes, in a claim and in the template that a pod has for one.

Takes the spec of a claim, or the template of an ephemeral volume; gives causes. Persistent volumes share the rules of
what claims and volumes both say.
Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, not_supported, required
from podbay.api.validation.label_selectors import validate_label_selector
from podbay.api.validation.metadata import validate_annotations, validate_labels
from podbay.api.validation.resource_requirements import validate_quantity

Object = Mapping[str, Any]

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
# What else metadata may say, in upstream's order and with its spelling where that differs from the field's.
_NOT_IN_TEMPLATES: Final = {
    "name": "name", "generateName": "generateName", "namespace": "namespace", "selfLink": "selfLink", "uid": "uID",
    "resourceVersion": "resourceVersion", "generation": "generation", "creationTimestamp": "creationTimestamp",
    "deletionTimestamp": "deletionTimestamp", "deletionGracePeriodSeconds": "deletionGracePeriodSeconds",
    "ownerReferences": "ownerReferences", "finalizers": "finalizers", "managedFields": "managedFields",
}  # fmt: skip


def validate_ephemeral_source(source: Object, path: str) -> list[Cause]:
    """Return what is wrong with a volume that brings a claim of its own."""
    template, here = source.get("volumeClaimTemplate"), f"{path}.volumeClaimTemplate"
    if template is None:
        return [required(here)]
    metadata = template.get("metadata") or {}
    causes = validate_annotations(metadata.get("annotations") or {}, f"{here}.metadata.annotations")
    causes += validate_labels(metadata.get("labels"), f"{here}.metadata.labels")
    causes += [
        forbidden(f"{here}.metadata.{shown}", "cannot be set")
        for name, shown in _NOT_IN_TEMPLATES.items()
        if metadata.get(name) not in (None, "", 0)
    ]
    return causes + validate_claim_spec(template.get("spec") or {}, f"{here}.spec")


def validate_claim_spec(spec: Object, path: str) -> list[Cause]:
    """Return what is wrong with what is claimed."""
    causes = access_mode_causes(
        spec.get("accessModes") or (), f"{path}.accessModes", none="at least 1 access mode is required"
    )
    causes += validate_label_selector(spec.get("selector"), f"{path}.selector")
    amount = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    here = f"{path}.resources[storage]"
    causes += [required(here)] if amount is None else positive_causes("storage", amount, here)
    causes += class_name_causes(spec.get("storageClassName") or "", f"{path}.storageClassName")
    return causes + volume_mode_causes(spec.get("volumeMode"), f"{path}.volumeMode")


def access_mode_causes(modes: Sequence[str], path: str, *, none: str = "") -> list[Cause]:
    """Return what is wrong with the access modes of a volume or a claim."""
    causes = [] if modes else [required(path, none)]
    causes += [not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and set(modes) & (set(ACCESS_MODES) - {"ReadWriteOncePod"}):
        causes.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return causes


def volume_mode_causes(mode: str | None, path: str) -> list[Cause]:
    """Return what is wrong with the volume mode of a volume or a claim."""
    return [] if mode is None or mode in VOLUME_MODES else [not_supported(path, mode, VOLUME_MODES)]


def class_name_causes(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of a storage class, if there is one."""
    return each_invalid(path, name, names.dns1123_subdomain_problems(name)) if name else []


def positive_causes(name: str, amount: Any, path: str) -> list[Cause]:
    """Return what is wrong with an amount that must be more than nothing."""
    causes = validate_quantity(name, amount, path)
    if not causes and Quantity.parse(amount) <= Quantity(0):
        causes = [invalid(path, str(amount), "must be greater than zero")]
    return causes
