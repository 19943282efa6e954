"""Rules of requests and limits, of how they may change, and of capacity and allocatable.

Takes a container's ``resources`` and ``resizePolicy`` or a node's lists; gives causes. Invariant: a request never
exceeds its limit.
Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.huge_pages import PREFIX, page_size
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
)

_CONTAINER_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTS: Final = frozenset({
    "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
})  # fmt: skip
_AMOUNTS: Final = frozenset({
    "cpu", "memory", "ephemeral-storage", "storage", "requests.cpu", "requests.memory", "requests.storage",
    "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
})  # fmt: skip
_STANDARD: Final = _COUNTS | _AMOUNTS
RESIZABLE: Final = ("cpu", "memory")
_RESIZE_POLICIES: Final = ("NotRequired", "RestartContainer")


def is_native(name: str) -> bool:
    """Tell whether a resource is Kubernetes' own: without a prefix, or in the ``kubernetes.io`` domain."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Tell whether a resource is somebody else's, such as ``example.com/gpu``."""
    if is_native(name) or name.startswith("requests."):
        return False
    return not names.qualified_name_problems(f"requests.{name}")


def is_standard_quota_resource(name: str) -> bool:
    """Tell whether a resource without a prefix is one that quotas know."""
    return (name in _STANDARD and name != "storage") or name.startswith((PREFIX, f"requests.{PREFIX}"))


def may_overcommit(name: str) -> bool:
    """Tell whether less of a resource may be requested than its limit is."""
    return is_native(name) and not name.startswith(PREFIX)


def validate_quantity(name: str, value: Any, path: str) -> list[Cause]:
    """Return what is wrong with an amount of a resource."""
    try:
        quantity = Quantity.parse(value)
    except ValueError as error:
        return [invalid(path, value, str(error))]
    causes = []
    if quantity < Quantity(0):
        causes.append(invalid(path, str(quantity), "must be greater than or equal to 0"))
    if (name in _COUNTS or is_extended(name)) and quantity.milli % 1000:
        causes.append(invalid(path, str(quantity), "must be an integer"))
    return causes


def validate_resources(resources: Mapping[str, Any] | None, path: str) -> list[Cause]:
    """Return what is wrong with a container's requests and limits."""
    limits, requests = (resources or {}).get("limits") or {}, (resources or {}).get("requests") or {}
    causes: list[Cause] = []
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, value in sorted(amounts.items()):
            here = f"{path}.{kind}[{name}]"
            causes += container_resource_name_causes(name, here)
            causes += validate_quantity(name, value, here)
            causes += _huge_page_amount(name, value, here)
            if kind == "requests":
                causes += _request_within_limit(name, value, limits, path)
    named = {*limits, *requests}
    if any(name.startswith(PREFIX) for name in named) and not named & {"cpu", "memory"}:
        causes.append(forbidden(path, "HugePages require cpu or memory"))
    return causes


def validate_resize_policies(policies: Sequence[Mapping[str, Any]], restart_policy: str, path: str) -> list[Cause]:
    """Return what is wrong with what a container says about changes of its resources."""
    causes: list[Cause] = []
    taken = set()
    for i, entry in enumerate(policies):
        name, policy = entry.get("resourceName") or "", entry.get("restartPolicy") or ""
        if name in taken:
            causes.append(duplicate(f"{path}[{i}]", name))
        taken.add(name)
        for value, supported in ((name, RESIZABLE), (policy, _RESIZE_POLICIES)):
            if not value:
                causes.append(required(path))
            elif value not in supported:
                causes.append(not_supported(path, value, supported))
        if restart_policy == "Never" and policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            causes.append(invalid(path, policy, detail))
    return causes


def resource_name_causes(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of a resource."""
    if problems := names.qualified_name_problems(name):
        return each_invalid(path, name, problems)
    if "/" not in name and name not in _STANDARD and not name.startswith((PREFIX, f"requests.{PREFIX}")):
        return [invalid(path, name, "must be a standard resource type or fully qualified")]
    return []


def container_resource_name_causes(name: str, path: str) -> list[Cause]:
    """Return what is wrong with the name of a resource that a container asks for."""
    causes = resource_name_causes(name, path)
    if "/" not in name:
        if name not in _CONTAINER_RESOURCES and not name.startswith(PREFIX):
            causes.append(invalid(path, name, "must be a standard resource for containers"))
    elif not is_native(name) and not is_extended(name):
        causes.append(invalid(path, name, "doesn't follow extended resource name standard"))
    return causes


def _request_within_limit(name: str, value: Any, limits: Mapping[str, Any], path: str) -> list[Cause]:
    if name not in limits:
        if may_overcommit(name):
            return []
        return [required(f"{path}.limits", "Limit must be set for non overcommitable resources")]
    try:
        request, limit = Quantity.parse(value), Quantity.parse(limits[name])
    except ValueError:
        return []  # told of by the amount's own check
    if request != limit and not may_overcommit(name):
        return [invalid(f"{path}.requests", str(request), f"must be equal to {name} limit of {limit}")]
    if request > limit:
        detail = f"must be less than or equal to {name} limit of {limit}"
        return [invalid(f"{path}.requests", str(request), detail)]
    return []


def _huge_page_amount(name: str, value: Any, path: str) -> list[Cause]:
    if not name.startswith(PREFIX):
        return []
    try:
        amount, page = Quantity.parse(value), page_size(name)
    except ValueError:
        return []
    if page.value > 0 and amount.value % page.value == 0:
        return []
    return [invalid(path, str(amount), f"{amount} is not positive integer multiple of {name}")]
