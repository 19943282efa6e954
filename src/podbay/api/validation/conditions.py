"""Rules of the conditions that kinds of many groups share.

Takes the list of them in a status; gives causes.
Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.33/#condition-v1-meta ; upstream's
ValidateConditions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import duplicate, each_invalid, invalid, not_supported, required, too_long

_MOST_REASON: Final = 1024
_MOST_MESSAGE: Final = 32 * 1024
_REASON: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", re.ASCII)
_NO_REASON: Final = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric"
    " characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or"
    " 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is"
    " '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
)


def validate_conditions(conditions: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with conditions."""
    causes: list[Cause] = []
    seen: set[str] = set()
    for i, condition in enumerate(conditions):
        kind = condition.get("type") or ""
        if kind in seen:
            causes.append(duplicate(f"{path}[{i}].type", kind))
        seen.add(kind)
        causes += _one(condition, kind, f"{path}[{i}]")
    return causes


def _one(condition: Mapping[str, Any], kind: str, path: str) -> list[Cause]:
    causes = (
        each_invalid(f"{path}.type", kind, names.qualified_name_problems(kind)) if kind else [required(f"{path}.type")]
    )
    if condition.get("status") not in ("True", "False", "Unknown"):
        causes.append(not_supported(f"{path}.status", condition.get("status") or "", ("False", "True", "Unknown")))
    if (condition.get("observedGeneration") or 0) < 0:
        detail = "must be greater than or equal to zero"
        causes.append(invalid(f"{path}.observedGeneration", condition["observedGeneration"], detail))
    if not condition.get("lastTransitionTime"):
        causes.append(required(f"{path}.lastTransitionTime", "must be set"))
    reason, message = condition.get("reason") or "", condition.get("message") or ""
    if not reason:
        causes.append(required(f"{path}.reason", "must be set"))
    else:
        causes += each_invalid(f"{path}.reason", reason, () if _REASON.fullmatch(reason) else (_NO_REASON,))
        if len(reason) > _MOST_REASON:
            causes.append(too_long(f"{path}.reason", _MOST_REASON))
    if len(message) > _MOST_MESSAGE:
        causes.append(too_long(f"{path}.message", _MOST_MESSAGE))
    return causes
