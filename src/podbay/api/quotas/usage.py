"""What an object uses of what quotas count: itself, and a pod what it asks for, a claim its storage.

Pure. Takes an object of a served kind and the time; gives amounts by the names that quotas have for them.
Invariant: an object that is stored counts as one of its kind, even a pod that has ended; what a pod asks for counts
until it has ended, or should have.
Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/ ; upstream's pkg/quota/v1/evaluator/core.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from podbay.api import resources
from podbay.api.huge_pages import PREFIX as HUGE_PAGES
from podbay.api.pod_resources import limits_in_force, pod_amounts, requests_in_force, with_overhead
from podbay.api.quantity import Quantity, parse_all
from podbay.api.quotas.amounts import plus
from podbay.api.resources import Resource
from podbay.api.validation.resource_requirements import is_extended, is_native
from podbay.api.volume_binding import class_of

Object = Mapping[str, Any]

COUNTED: Final = tuple(
    each
    for each in resources.RESOURCES
    if each.namespaced and each.stored_as is None and each not in (resources.EVENTS, resources.BINDINGS)
)
_ALIASES: Final = (
    "configmaps",
    "resourcequotas",
    "secrets",
    "persistentvolumeclaims",
)  # what core kinds are called too
NEVER_USED: Final[tuple[str, ...]] = (  # of kinds that are not served
    "replicationcontrollers",
    "services",
    "services.loadbalancers",
    "services.nodeports",
)
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_OF_PODS: Final = frozenset({
    "pods", *_COMPUTE, *(f"requests.{name}" for name in _COMPUTE), *(f"limits.{name}" for name in _COMPUTE),
})  # fmt: skip
_OF_CLASS: Final = ".storageclass.storage.k8s.io/"
_OF_CLAIMS: Final = ("persistentvolumeclaims", "requests.storage")
_ONE: Final = Quantity.of(1)


def count_name(resource: Resource) -> str:
    """Return what the number of objects of a kind is called, such as ``count/leases.coordination.k8s.io``."""
    return f"count/{resource.group_resource}"


def tracked(resource: Resource, names: Iterable[str]) -> list[str]:
    """Return which of the names that a quota has an object of a kind may use, in order."""
    return sorted(name for name in names if _tracks(resource, name))


def usage(resource: Resource, obj: Object, now: datetime) -> dict[str, Quantity]:
    """Return what an object uses."""
    used = {count_name(resource): _ONE}
    if not resource.group and resource.plural in _ALIASES:
        used[resource.plural] = _ONE
    if resource is resources.PODS and is_charged(obj, now):
        return {**used, **pod_usage(obj)}
    if resource is resources.PERSISTENT_VOLUME_CLAIMS:
        return {**used, **_claim_usage(obj)}
    return used


def is_charged(pod: Object, now: datetime) -> bool:
    """Tell whether what a pod asks for still counts: one that has ended, or should be gone by now, uses nothing."""
    metadata = pod["metadata"]
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    deleted, grace_s = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    return deleted is None or grace_s is None or now <= datetime.fromisoformat(deleted) + timedelta(seconds=grace_s)


def pod_usage(pod: Object) -> dict[str, Quantity]:
    """Return what a pod uses as long as it counts."""
    spec = pod["spec"]
    in_force = requests_in_force(pod)
    requests = pod_amounts(spec, lambda container: parse_all(in_force(container)))
    requests = with_overhead(spec, requests, lambda _, amount: Quantity.parse(amount))
    within = limits_in_force(pod)
    limits = pod_amounts(spec, lambda container: parse_all(within(container)))
    overhead = parse_all(spec.get("overhead"))
    limits = plus(limits, {name: amount for name, amount in overhead.items() if name in limits})
    return compute_usage(requests, limits)


def compute_usage(requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Return what requests and limits are called in quotas, and one pod."""
    used = {"pods": _ONE}
    for name, amount in requests.items():
        if name in _COMPUTE or name.startswith(HUGE_PAGES):
            used[name] = amount
        if name in _COMPUTE or name.startswith(HUGE_PAGES) or is_extended(name):
            used[f"requests.{name}"] = amount
    return {**used, **{f"limits.{name}": amount for name, amount in limits.items() if name in _COMPUTE}}


def _tracks(resource: Resource, name: str) -> bool:
    if name == count_name(resource):
        return True
    if resource is resources.PODS:
        return (
            name in _OF_PODS
            or name.startswith((HUGE_PAGES, f"requests.{HUGE_PAGES}"))
            or (name.startswith("requests.") and not is_native(name))
        )
    if resource is resources.PERSISTENT_VOLUME_CLAIMS:
        return name in _OF_CLAIMS or name.endswith(tuple(_OF_CLASS + each for each in _OF_CLAIMS))
    return not resource.group and resource.plural in _ALIASES and name == resource.plural


def _claim_usage(claim: Object) -> dict[str, Quantity]:
    storage = parse_all(((claim.get("spec") or {}).get("resources") or {}).get("requests")).get("storage")
    allocated = parse_all((claim.get("status") or {}).get("allocatedResources")).get("storage")
    used = {"persistentvolumeclaims": _ONE}
    if storage is not None:
        most = storage if allocated is None else max(storage, allocated)
        used["requests.storage"] = most if most.is_whole else Quantity.of(most.value, most.format)
    if called := class_of(claim):
        used |= {f"{called}{_OF_CLASS}{name}": amount for name, amount in used.items()}
    return used
