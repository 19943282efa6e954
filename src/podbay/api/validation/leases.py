"""Rules of leases.

Takes leases; gives causes. Invariant: a lease that passes has a positive duration, if it has one.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, not_supported
from podbay.api.validation.metadata import validate_metadata, validate_metadata_update

_STRATEGIES: Final = ("OldestEmulationVersion",)


def validate_lease(lease: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new lease."""
    return validate_metadata(lease, names.dns1123_subdomain_problems, namespaced=True) + _spec(lease)


def validate_lease_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a lease."""
    return validate_metadata_update(new, old) + _spec(new)


def _spec(lease: Mapping[str, Any]) -> list[Cause]:
    spec, causes = lease.get("spec") or {}, []
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        causes.append(invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        detail = "must be greater than or equal to 0"
        causes.append(invalid("spec.leaseTransitions", transitions, detail))
    strategy = spec.get("strategy")
    if strategy is not None:
        if "/" in strategy:
            causes += each_invalid("spec.strategy.strategy", strategy, names.qualified_name_problems(strategy))
        elif strategy not in _STRATEGIES:
            causes.append(not_supported("spec.strategy.strategy", strategy, _STRATEGIES))
    if spec.get("preferredHolder") and not strategy:
        causes.append(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"))
    return causes
