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
from podbay.api.validation.claim_specs import validate_claim_spec
from podbay.api.validation.field_errors import forbidden, invalid
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
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
    spec = claim.get("spec") or {}
    causes += validate_claim_spec(spec, "spec")
    return causes + [forbidden(f"spec.{name}", FIELD_TEXT) for name in _REFUSED if spec.get(name)]


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
