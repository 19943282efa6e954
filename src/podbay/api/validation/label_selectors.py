"""Rules of the selectors inside objects: label selectors, and the expressions that node selector terms share with them.

Takes a selector or one expression of it; gives causes. Invariant: a selector that passes can be evaluated by
``podbay.api.selectors`` without error.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, required
from podbay.api.validation.metadata import validate_labels

NO_OPERATOR: Final = "not a valid selector operator"


def validate_label_selector(selector: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """Return what is wrong with a label selector, if there is one."""
    if selector is None:
        return []
    causes = validate_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for i, expression in enumerate(selector.get("matchExpressions") or ()):
        causes += validate_expression(expression, f"{path}.matchExpressions[{i}]", compares=False, check_values=True)
    return causes


def validate_expression(expression: Mapping[str, Any], path: str, *, compares: bool, check_values: bool) -> list[Cause]:
    """Return what is wrong with one expression. ``compares``: Gt and Lt are operators, too."""
    key, operator = expression.get("key") or "", expression.get("operator") or ""
    values = expression.get("values") or ()
    causes = []
    if operator in ("In", "NotIn"):
        if not values:
            causes.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(forbidden(f"{path}.values", detail))
    elif compares and operator in ("Gt", "Lt"):
        if len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(required(f"{path}.values", detail))
    else:
        causes.append(invalid(f"{path}.operator", operator, NO_OPERATOR))
    causes += each_invalid(f"{path}.key", key, names.qualified_name_problems(key))
    for i, value in enumerate(values if check_values else ()):
        causes += each_invalid(f"{path}.values[{i}]", value, names.label_value_problems(value))
    return causes
