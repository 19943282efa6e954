"""Rules of limit ranges.

Takes defaulted limit ranges; gives causes. Invariant: what a limit range that passes gives to a container by default
is within what it lets it have.
Source: https://kubernetes.io/docs/concepts/policy/limit-range/ ; upstream's ValidateLimitRange.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.limit_ranges import ratio_of
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import duplicate, each_invalid, forbidden, invalid, required
from podbay.api.validation.metadata import validate_metadata, validate_metadata_update
from podbay.api.validation.resource_requirements import (
    container_resource_name_causes,
    may_overcommit,
    resource_name_causes,
)

Object = Mapping[str, Any]

_TYPES: Final = ("Container", "PersistentVolumeClaim", "Pod")
_LISTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_DEFAULTS: Final = ("default", "defaultRequest")


def validate_limit_range(obj: Object) -> list[Cause]:
    """Return what is wrong with a new limit range."""
    causes = validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=True)
    taken = set()
    for i, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{i}]", item.get("type") or ""
        causes += _type_causes(kind, f"{path}.type")
        if kind in taken:
            causes.append(duplicate(f"{path}.type", kind))
        taken.add(kind)
        causes += _item_causes(item, kind, path)
    return causes


def validate_limit_range_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a limit range."""
    return validate_metadata_update(new, old) + validate_limit_range(new)


def _type_causes(kind: str, path: str) -> list[Cause]:
    if problems := names.qualified_name_problems(kind):
        return each_invalid(path, kind, problems)
    if "/" in kind or kind in _TYPES:
        return []
    return [invalid(path, kind, "must be a standard limit type or fully qualified")]


def _item_causes(item: Object, kind: str, path: str) -> list[Cause]:
    causes: list[Cause] = []
    amounts: dict[str, dict[str, Quantity]] = {name: {} for name in _LISTS}
    check_name = container_resource_name_causes if kind in ("Pod", "Container") else resource_name_causes
    for field in _LISTS:
        given = item.get(field) or {}
        if kind == "Pod" and field in _DEFAULTS:
            causes += [forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'")] if given else []
            continue
        for name, amount in sorted(given.items()):
            here = f"{path}.{field}[{name}]"
            causes += check_name(name, here)
            try:
                amounts[field][name] = Quantity.parse(amount)
            except ValueError as error:
                causes.append(invalid(here, amount, str(error)))
    if kind == "PersistentVolumeClaim" and "storage" not in {**(item.get("min") or {}), **(item.get("max") or {})}:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        causes.append(required(f"{path}.limits", detail))
    for name in sorted({name for given in amounts.values() for name in given}):
        causes += _order_causes(*(amounts[field].get(name) for field in _LISTS), name=name, path=path)
    return causes


def _order_causes(
    most: Quantity | None,
    least: Quantity | None,
    limit: Quantity | None,
    request: Quantity | None,
    ratio: Quantity | None,
    *,
    name: str,
    path: str,
) -> Iterator[Cause]:
    """Yield what is wrong with the amounts of one resource as they stand to each other."""
    pairs = (  # field, the value shown, what is to be less, what is to be more
        ("min", least, ("min value", least), ("max value", most)),
        ("defaultRequest", request, ("min value", least), ("default request value", request)),
        ("defaultRequest", request, ("default request value", request), ("max value", most)),
        ("defaultRequest", request, ("default request value", request), ("default limit value", limit)),
        ("default", least, ("min value", least), ("default value", limit)),
        ("default", most, ("default value", limit), ("max value", most)),
    )
    for field, shown, (less, small), (more, big) in pairs:
        if small is not None and big is not None and small > big:
            yield invalid(f"{path}.{field}[{name}]", str(shown), f"{less} {small} is greater than {more} {big}")
    if ratio is not None:
        here = f"{path}.maxLimitRequestRatio[{name}]"
        if ratio < Quantity.of(1):
            yield invalid(here, str(ratio), f"ratio {ratio} is less than 1")
        if least is not None and most is not None and (widest := _widest(most, least)) < ratio.milli / 1000:
            yield invalid(here, str(ratio), f"ratio {ratio} is greater than max/min = {widest:f}")
    if not may_overcommit(name) and None not in (limit, request) and limit != request:
        detail = f"default value {limit} must equal to defaultRequest value {request} in {name}"
        yield invalid(f"{path}.defaultRequest[{name}]", str(request), detail)


def _widest(most: Quantity, least: Quantity) -> float:
    if least:
        return ratio_of(most, least)
    return float("inf") if most else float("nan")
