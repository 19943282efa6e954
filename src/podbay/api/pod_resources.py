"""What a pod needs of a node: the most that its containers ask for together at any moment of its life.

Pure. Takes a pod's spec and a way to read one container's amounts; gives the pod's. Init containers run one by one
before the containers, each beside the sidecars that started before it; then sidecars and containers run together.
A container that is being resized counts as the most of what it asks for, what was allocated to it, and what it has.
Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeVar

from podbay.api.pod_containers import is_sidecar
from podbay.api.quantity import Quantity

Object = Mapping[str, Any]


class _Addable(Protocol):
    def __add__(self, other: Self, /) -> Self: ...

    def __lt__(self, other: Self, /) -> bool: ...


Amount = TypeVar("Amount", bound=_Addable)


def pod_amounts(spec: Object, amounts_of: Callable[[Object], Mapping[str, Amount]]) -> dict[str, Amount]:
    """Return by resource what a pod needs, its overhead left aside."""
    total: dict[str, Amount] = {}
    for container in spec.get("containers") or ():
        _add(total, amounts_of(container))
    sidecars: dict[str, Amount] = {}
    most: dict[str, Amount] = {}
    for container in spec.get("initContainers") or ():
        own = amounts_of(container)
        beside = dict(sidecars)
        _add(beside, own)
        if is_sidecar(container):
            _add(total, own)
            sidecars = beside
        _raise(most, beside)
    _raise(total, most)
    return total


def with_overhead(spec: Object, total: dict[str, Amount], amount_of: Callable[[str, str], Amount]) -> dict[str, Amount]:
    """Return amounts and what running the pod itself takes besides."""
    _add(total, {name: amount_of(name, value) for name, value in (spec.get("overhead") or {}).items()})
    return total


def requests_in_force(pod: Object) -> Callable[[Object], Mapping[str, str]]:
    """Return what tells a container's requests as they count while a resize goes on.

    One that its node will never do does not count.
    """
    return _in_force(pod, "requests")


def limits_in_force(pod: Object) -> Callable[[Object], Mapping[str, str]]:
    """Return what tells a container's limits as they count while a resize goes on."""
    return _in_force(pod, "limits")


def _in_force(pod: Object, part: str) -> Callable[[Object], Mapping[str, str]]:
    spec, status = pod["spec"], pod.get("status") or {}
    told = {each.get("name"): each for each in status.get("containerStatuses") or ()}
    told |= {each.get("name"): each for each in status.get("initContainerStatuses") or ()}
    is_infeasible = any(
        condition.get("type") == "PodResizePending" and condition.get("reason") == "Infeasible"
        for condition in status.get("conditions") or ()
    )
    runs_once = {c.get("name") for c in spec.get("initContainers") or () if not is_sidecar(c)}

    def amounts(container: Object) -> Mapping[str, str]:
        asked: Mapping[str, str] = (container.get("resources") or {}).get(part) or {}
        name = container.get("name")
        known = told.get(name) or {}
        if known.get("resources") is None or name in runs_once:
            return asked
        has = known["resources"].get(part) or {}
        allocated = (known.get("allocatedResources") or {}) if part == "requests" else has
        if asked == has == allocated:
            return asked
        return _most(*(() if is_infeasible else (asked,)), has, allocated)

    return amounts


def _most(*lists: Mapping[str, str]) -> dict[str, str]:
    most: dict[str, str] = {}
    for amounts in lists:
        for name, amount in amounts.items():
            if name not in most or Quantity.parse(most[name]) < Quantity.parse(amount):
                most[name] = amount
    return most


def _add(total: dict[str, Amount], more: Mapping[str, Amount]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise(total: dict[str, Amount], least: Mapping[str, Amount]) -> None:
    for name, amount in least.items():
        total[name] = max(total[name], amount) if name in total else amount
