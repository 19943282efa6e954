"""What a pod needs of a node: the most that its containers ask for together at any moment of its life.

Pure. Takes a pod's spec and a way to read one container's amounts; gives the pod's. Init containers run one by one
before the containers, each beside the sidecars that started before it; then sidecars and containers run together.
Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeVar

from podbay.api.pod_containers import is_sidecar

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


def _add(total: dict[str, Amount], more: Mapping[str, Amount]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise(total: dict[str, Amount], least: Mapping[str, Amount]) -> None:
    for name, amount in least.items():
        total[name] = max(total[name], amount) if name in total else amount
