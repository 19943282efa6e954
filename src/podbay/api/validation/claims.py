"""Rules of claims to persistent volumes.

Takes defaulted claims; gives causes. Invariant: what is claimed stays as it is, but for the volume, which is named
once, and the size of a bound claim, which only grows.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import forbidden, invalid, required
from podbay.api.validation.label_selectors import validate_label_selector
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from podbay.api.validation.persistent_volumes import (
    access_mode_causes,
    class_name_causes,
    positive_causes,
    volume_mode_causes,
)
from podbay.api.validation.unsupported import FIELD_TEXT
from podbay.api.volume_binding import OLD_CLASS, annotations_of, requested, storage_of

Object = Mapping[str, Any]

_REFUSED: Final = ("dataSource", "dataSourceRef", "volumeAttributesClassName")
_FIXED: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def validate_claim(claim: Object) -> list[Cause]:
    """Return what is wrong with a new claim."""
    causes = validate_metadata(claim, names.dns1123_subdomain_problems, namespaced=True)
    return causes + validate_claim_spec(claim.get("spec") or {}, "spec")


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
    causes += volume_mode_causes(spec.get("volumeMode"), f"{path}.volumeMode")
    return causes + [forbidden(f"{path}.{name}", FIELD_TEXT) for name in _REFUSED if spec.get(name)]


def validate_claim_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a claim."""
    causes = validate_metadata_update(new, old) + validate_claim(new)
    if annotations_of(new).get(OLD_CLASS) != annotations_of(old).get(OLD_CLASS):
        here = "metadata.annotations." + OLD_CLASS
        causes.append(invalid(here, annotations_of(new).get(OLD_CLASS, ""), IMMUTABLE))
    if not causes and _fixed(new, old) != _fixed(old, old):
        causes.append(forbidden("spec", _FIXED))
    has = storage_of((old.get("status") or {}).get("capacity"))
    if not causes and requested(new) < requested(old) and requested(new) <= has:
        detail = "field can not be less than status.capacity"
        causes.append(forbidden("spec.resources.requests.storage", detail))
    return causes


def validate_claim_status_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a claim's status."""
    causes = validate_metadata_update(new, old)
    for name, amount in sorted(((new.get("status") or {}).get("capacity") or {}).items()):
        quantity = Quantity.parse(amount)
        if quantity < Quantity(0):
            detail = "must be a valid resource quantity"
            causes.append(invalid(f"status.capacity[{name}]", quantity.value, detail))
    return causes


def _fixed(claim: Object, old: Object) -> dict[str, Any]:
    """Return what of a claim's spec may not differ from the old one's."""
    spec: dict[str, Any] = copy.deepcopy(dict(claim["spec"]))
    before = old["spec"]
    if not before.get("volumeName"):
        spec.pop("volumeName", None)
    if before.get("storageClassName") is None and annotations_of(old).get(OLD_CLASS) in (
        None,
        spec.get("storageClassName"),
    ):
        spec.pop("storageClassName", None)  # a default class that came later
    if (claim.get("status") or {}).get("phase") == "Bound":
        ((spec.get("resources") or {}).get("requests") or {}).pop("storage", None)
    return spec
