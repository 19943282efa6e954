"""Rules of resource quotas and of their status.

Takes defaulted quotas; gives causes. Invariant: a quota that passes limits only what its scopes leave to be counted.
Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/ ; upstream's ValidateResourceQuota.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import invalid, required
from podbay.api.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from podbay.api.validation.resource_requirements import (
    is_standard_quota_resource,
    resource_name_causes,
    validate_quantity,
)

Object = Mapping[str, Any]

_ALONE: Final = (  # scopes of which nothing can be said but that they are there
    "BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity",
)  # fmt: skip
_SCOPES: Final = (*_ALONE, "PriorityClass")
_OF_SCOPES: Final = frozenset({
    "pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
})  # fmt: skip
_PAIRS: Final = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_ONLY_EXISTS: Final = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating,"
    " ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def validate_resource_quota(obj: Object) -> list[Cause]:
    """Return what is wrong with a new quota."""
    return validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=True) + _spec(obj.get("spec") or {})


def validate_resource_quota_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a quota."""
    causes = validate_metadata_update(new, old) + _spec(new.get("spec") or {})
    scopes = (new.get("spec") or {}).get("scopes") or []
    if set(scopes) != set((old.get("spec") or {}).get("scopes") or ()):
        causes.append(invalid("spec.scopes", scopes or None, IMMUTABLE))
    return causes


def validate_resource_quota_status_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a quota's status."""
    status = new.get("status") or {}
    causes = validate_metadata_update(new, old)
    for part in ("hard", "used"):
        causes += _amounts(status.get(part) or {}, f"status.{part}")
    return causes


def _amounts(amounts: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for name, amount in sorted(amounts.items()):
        here = f"{path}[{name}]"
        causes += resource_name_causes(name, here)
        if "/" not in name and not is_standard_quota_resource(name):
            causes.append(invalid(here, name, "must be a standard resource for quota"))
        causes += validate_quantity(name, amount, here)
    return causes


def _spec(spec: Object) -> list[Cause]:
    hard = spec.get("hard") or {}
    causes = _amounts(hard, "spec.hard")
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            causes.append(invalid("spec.scopes", scopes, "unsupported scope"))
        causes += [
            invalid("spec.scopes", scopes, "unsupported scope applied to resource")
            for name in sorted(hard)
            if not _applies(scope, name)
        ]
    causes += _conflicts(scopes, "spec.scopes", scopes)
    selector = spec.get("scopeSelector")
    return causes + (_selector(selector, hard, scopes) if selector is not None else [])


def _selector(selector: Object, hard: Object, scopes: Sequence[str]) -> list[Cause]:
    path = "spec.scopeSelector.matchExpressions"
    expressions = selector.get("matchExpressions") or ()
    causes: list[Cause] = []
    for expression in expressions:
        scope, operator = expression.get("scopeName") or "", expression.get("operator") or ""
        if scope not in _SCOPES:
            causes.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        causes += [
            invalid(path, _shown(selector), "unsupported scope applied to resource")
            for name in sorted(hard)
            if not _applies(scope, name)
        ]
        if scope in _ALONE and operator != "Exists":
            causes.append(invalid(f"{path}.operator", operator, _ONLY_EXISTS))
        causes += _operator(operator, expression.get("values") or [], path)
    found = [expression.get("scopeName") or "" for expression in expressions]
    return causes + _conflicts(found, path, scopes or None)


def _operator(operator: str, values: Sequence[str], path: str) -> list[Cause]:
    if operator in ("In", "NotIn"):
        detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        return [] if values else [required(f"{path}.values", detail)]
    if operator in ("Exists", "DoesNotExist"):
        detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
        return [invalid(f"{path}.values", values, detail)] if values else []
    return [invalid(f"{path}.operator", operator, "not a valid selector operator")]


def _applies(scope: str, name: str) -> bool:
    """Tell whether what a quota limits can be limited to a scope."""
    if scope not in _SCOPES or not is_standard_quota_resource(name):
        return True
    return name == "pods" if scope == "BestEffort" else name in _OF_SCOPES


def _conflicts(scopes: Sequence[str], path: str, value: Any) -> list[Cause]:
    return [invalid(path, value, "conflicting scopes") for pair in _PAIRS if pair <= set(scopes)]


def _shown(selector: Object) -> dict[str, Any]:
    """Return a selector with the names that upstream's own types have, which its messages show."""
    return {
        "MatchExpressions": [
            {"ScopeName": each.get("scopeName"), "Operator": each.get("operator"), "Values": each.get("values")}
            for each in selector.get("matchExpressions") or ()
        ]
    }
