"""Rules of pod disruption budgets.

Takes budgets; gives causes. Invariant: a budget that passes says at most one number, and it is one that can be met.
Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/ ; upstream's pkg/apis/policy/validation.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.conditions import validate_conditions
from podbay.api.validation.field_errors import invalid, not_supported
from podbay.api.validation.label_selectors import validate_label_selector
from podbay.api.validation.metadata import validate_metadata, validate_metadata_update

_NOT_NEGATIVE: Final = "must be greater than or equal to 0"
_PERCENT: Final = re.compile(r"[0-9]+%", re.ASCII)
_NO_PERCENT: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
_COUNTS: Final = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def validate_disruption_budget(obj: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new budget."""
    return validate_metadata(obj, names.path_segment_problems, namespaced=True) + _spec(obj.get("spec") or {})


def validate_disruption_budget_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a budget."""
    return validate_metadata_update(new, old) + _spec(new.get("spec") or {})


def validate_disruption_budget_status_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a budget's status."""
    status = new.get("status") or {}
    causes = validate_metadata_update(new, old)
    causes += validate_conditions(status.get("conditions") or (), "status.conditions")
    for field in _COUNTS:
        if (status.get(field) or 0) < 0:
            causes.append(invalid(f"status.{field}", status[field], _NOT_NEGATIVE))
    return causes


def _spec(spec: Mapping[str, Any]) -> list[Cause]:
    causes = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        causes.append(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for field in ("minAvailable", "maxUnavailable"):
        causes += _amount(spec.get(field), f"spec.{field}")
    causes += validate_label_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in ("AlwaysAllow", "IfHealthyBudget"):
        causes.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget")))
    return causes


def _amount(amount: int | str | None, path: str) -> list[Cause]:
    if isinstance(amount, int):
        return [invalid(path, amount, _NOT_NEGATIVE)] if amount < 0 else []
    if amount is None:
        return []
    if not _PERCENT.fullmatch(amount):
        return [_invalid_text(path, amount, _NO_PERCENT)]
    return [_invalid_text(path, amount, "must not be greater than 100%")] if int(amount[:-1]) > 100 else []


def _invalid_text(path: str, text: str, detail: str) -> Cause:
    """Return the cause for a bad percentage, which upstream shows as its language does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = f'intstr.IntOrString{{Type:1, IntVal:0, StrVal:"{escaped}"}}'
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {detail}", path)
