"""Rules of what says where a pod may run: node selectors, affinity, tolerations; and of the taints they answer.

Takes parts of a pod's or node's spec; gives causes. Invariant: a term that passes can be evaluated by
``podbay.api.selectors`` without error.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
)
from podbay.api.validation.label_selectors import NO_OPERATOR, validate_expression

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def validate_node_affinity(affinity: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a pod's node affinity."""
    causes = []
    needed = affinity.get(_REQUIRED)
    if needed is not None:
        causes += validate_node_selector_terms(needed, f"{path}.{_REQUIRED}")
    for i, term in enumerate(affinity.get(_PREFERRED) or ()):
        here, weight = f"{path}.{_PREFERRED}[{i}]", term.get("weight") or 0
        if not 1 <= weight <= 100:
            causes.append(invalid(f"{here}.weight", weight, "must be in the range 1-100"))
        causes += _term(term.get("preference") or {}, f"{here}.preference", check_values=False)
    return causes


def validate_node_selector_terms(selector: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a node selector that must select."""
    here, terms = f"{path}.nodeSelectorTerms", selector.get("nodeSelectorTerms") or ()
    causes = [] if terms else [required(here, "must have at least one node selector term")]
    for i, term in enumerate(terms):
        causes += _term(term, f"{here}[{i}]", check_values=True)
    return causes


def validate_tolerations(tolerations: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with a pod's tolerations."""
    causes = []
    for i, toleration in enumerate(tolerations):
        here = f"{path}[{i}]"
        key, value = toleration.get("key") or "", toleration.get("value") or ""
        operator, effect = toleration.get("operator") or "", toleration.get("effect") or ""
        if key:
            causes += each_invalid(f"{here}.key", key, names.qualified_name_problems(key))
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            causes.append(invalid(f"{here}.operator", operator, detail))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            causes.append(invalid(f"{here}.effect", effect, detail))
        if operator in ("Equal", ""):
            if problems := names.label_value_problems(value):
                causes.append(invalid(f"{here}.operator", value, ";".join(problems)))
        elif operator != "Exists":
            causes.append(not_supported(f"{here}.operator", operator, ("Equal", "Exists")))
        elif value:
            causes.append(invalid(f"{here}.operator", value, "value must be empty when `operator` is 'Exists'"))
        if effect and effect not in EFFECTS:
            causes.append(not_supported(f"{here}.effect", effect, EFFECTS))
    return causes


def validate_tolerations_update(
    new: Sequence[Mapping[str, Any]], old: Sequence[Mapping[str, Any]], path: str
) -> list[Cause]:
    """Return what is wrong with a change of tolerations: they may only be added to."""
    kept = [_without_seconds(toleration) for toleration in new]
    if any(_without_seconds(toleration) not in kept for toleration in old):
        return [forbidden(path, "existing toleration can not be modified except its tolerationSeconds")]
    return validate_tolerations(new, path)


def validate_taints(taints: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with a node's taints."""
    causes, taken = [], set()
    for i, taint in enumerate(taints):
        here, effect = f"{path}[{i}]", taint.get("effect") or ""
        key, value = taint.get("key") or "", taint.get("value") or ""
        causes += each_invalid(f"{here}.key", key, names.qualified_name_problems(key))
        if problems := names.label_value_problems(value):
            causes.append(invalid(f"{here}.value", value, ";".join(problems)))
        if not effect:
            causes.append(required(f"{here}.effect"))
        elif effect not in EFFECTS:
            causes.append(not_supported(f"{here}.effect", effect, EFFECTS))
        if (key, effect) in taken:
            causes.append(duplicate(here, dict(taint), "taints must be unique by key and effect pair"))
        taken.add((key, effect))
    return causes


def _without_seconds(toleration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds" and value}


def _term(term: Mapping[str, Any], path: str, *, check_values: bool) -> list[Cause]:
    causes = []
    for i, expression in enumerate(term.get("matchExpressions") or ()):
        here = f"{path}.matchExpressions[{i}]"
        causes += validate_expression(expression, here, compares=True, check_values=check_values)
    for i, expression in enumerate(term.get("matchFields") or ()):
        causes += _field_expression(expression, f"{path}.matchFields[{i}]")
    return causes


def _field_expression(expression: Mapping[str, Any], path: str) -> list[Cause]:
    key, operator = expression.get("key") or "", expression.get("operator") or ""
    values = expression.get("values") or ()
    causes = []
    if operator not in ("In", "NotIn"):
        causes.append(invalid(f"{path}.operator", operator, NO_OPERATOR))
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        causes.append(required(f"{path}.values", detail))
    if key != "metadata.name":
        return [*causes, invalid(f"{path}.key", key, "not a valid field selector key")]
    for i, value in enumerate(values):
        causes += each_invalid(f"{path}.values[{i}]", value, names.dns1123_subdomain_problems(value))
    return causes
