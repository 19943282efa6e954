"""What a change of a running pod's resources means: whether the node can do it, and what is to be done to containers.

Pure. Takes pods as they are wanted and as they are allocated, what containers have, and the node's other pods; gives a
refusal, the limits to set meanwhile, and which containers are to be updated or made anew.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/ ; upstream's canResizePod
and computePodResizeAction.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.pod_containers import lasting_containers
from podbay.api.quantity import Quantity
from podbay.cri.runtime import Container, ContainerState, LinuxResources
from podbay.kubelet.actions import CONTAINER_RESOURCES
from podbay.kubelet.admission import insufficient, requests_of
from podbay.kubelet.observed import Observed

Object = Mapping[str, Any]
Resources = Mapping[str, Any]
Actual = Mapping[str, Resources]  # container id -> the resources that it has
ByName = Mapping[str, Resources]  # container name -> the resources that are meant for it

NOTHING_KNOWN: Final[Actual] = {}
PENDING: Final = "PodResizePending"
IN_PROGRESS: Final = "PodResizeInProgress"
_INFEASIBLE: Final = "Infeasible"
_DEFERRED: Final = "Deferred"
_LEAST_MILLI_CPU: Final = 2  # below these, cgroups know no difference
_LEAST_MILLI_CPU_LIMIT: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeState:
    """How a pod's resize stands. ``pending``: (reason, message). ``error`` is why it does not get on."""

    pending: tuple[str, str] | None = None
    is_in_progress: bool = False
    error: str = ""


NO_RESIZE: Final = ResizeState()


def resources_by_name(pod: Object) -> dict[str, Resources]:
    """Return what a pod's containers ask for, by their names."""
    return {container["name"]: container.get("resources") or {} for container in lasting_containers(pod["spec"])}


def with_resources(pod: Object, allocated: ByName) -> dict[str, Any]:
    """Return a pod whose containers ask for what was allocated to them."""
    if all(allocated.get(name, asked) == asked for name, asked in resources_by_name(pod).items()):
        return dict(pod)
    spec = dict(pod["spec"])
    for kind in ("initContainers", "containers"):
        if kind in spec:
            spec[kind] = [
                {**container, "resources": allocated[container["name"]]}
                if container["name"] in allocated
                else container
                for container in spec[kind]
            ]
    return {**pod, "spec": spec}


def refusal(wanted: Object, others: Sequence[Object], allocatable: Mapping[str, str]) -> tuple[str, str] | None:
    """Return (reason, message) if the node cannot give a pod what it wants, never or not now."""
    wanted = {**wanted, "status": {}}  # what was told of an earlier wish does not count
    requests = requests_of(wanted)
    for name in ("memory", "cpu"):
        quantity = Quantity.parse(allocatable.get(name, "0"))
        capacity = quantity.milli if name == "cpu" else quantity.value
        if requests.get(name, 0) > capacity:
            told = f"{name}, requested: {requests[name]}, capacity: {capacity}"
            return _INFEASIBLE, f"Node didn't have enough capacity: {told}"
    lacking = insufficient(wanted, others, allocatable)
    return (_DEFERRED, lacking[1]) if lacking is not None else None


def actual_resources(seen: Observed, updated: Actual) -> dict[str, Resources]:
    """Return what the containers have that run, by id: what they were made with, or what they were given since."""
    found = {}
    for container in seen.containers:
        if container.state is not ContainerState.RUNNING:
            continue
        if container.id in updated:
            found[container.id] = updated[container.id]
        elif CONTAINER_RESOURCES in container.annotations:
            found[container.id] = json.loads(container.annotations[CONTAINER_RESOURCES])
    return found


def must_restart(container: Object, actual: Resources | None) -> bool:
    """Tell whether a container that runs must be made anew to get what is allocated to it."""
    policies = {entry.get("resourceName"): entry.get("restartPolicy") for entry in container.get("resizePolicy") or ()}
    if actual is None or "RestartContainer" not in policies.values():
        return False
    now, before = _limits(container.get("resources") or {}), _limits(actual)
    return any(policies.get(name) == "RestartContainer" and now[name] != before[name] for name in ("cpu", "memory"))


def is_felt(allocated: Resources, actual: Resources) -> bool:
    """Tell whether two amounts of resources make a difference to a container's cgroup."""
    return _limits(allocated) != _limits(actual)


def to_update(pod: Object, seen: Observed, actual: Actual) -> Iterator[tuple[Container, Object]]:
    """Yield the containers that run and have something else than is allocated to them, with what the pod says."""
    for container in lasting_containers(pod["spec"]):
        newest = seen.newest(container["name"])
        if newest is None or newest.id not in actual or must_restart(container, actual[newest.id]):
            continue
        if actual[newest.id] != (container.get("resources") or {}):
            yield newest, container


def actual_pod(pod: Object, seen: Observed, actual: Actual) -> dict[str, Any]:
    """Return a pod whose containers ask for what they have."""
    newest = {name: seen.newest(name) for name in resources_by_name(pod)}
    return with_resources(pod, {n: actual[c.id] for n, c in newest.items() if c is not None and c.id in actual})


def most_of(one: LinuxResources, other: LinuxResources) -> LinuxResources:
    """Return limits within which both fit."""
    has_quota = bool(one.cpu_quota_us and other.cpu_quota_us)
    has_limit = bool(one.memory_limit_bytes and other.memory_limit_bytes)
    return LinuxResources(
        cpu_period_us=one.cpu_period_us if has_quota else 0,
        cpu_quota_us=max(one.cpu_quota_us, other.cpu_quota_us) if has_quota else 0,
        cpu_shares=max(one.cpu_shares, other.cpu_shares),
        memory_limit_bytes=max(one.memory_limit_bytes, other.memory_limit_bytes) if has_limit else 0,
        huge_pages=one.huge_pages,  # which no resize changes
    )


def resize_conditions(state: ResizeState, before: Sequence[Object], now: str) -> list[dict[str, Any]]:
    """Return the conditions that tell how a resize stands; what they told before keeps its time."""
    wanted = [(PENDING, *state.pending)] if state.pending is not None else []
    if state.is_in_progress:
        wanted.append((IN_PROGRESS, "Error" if state.error else "", state.error))
    known = {condition["type"]: condition for condition in before}
    found = []
    for kind, reason, message in wanted:
        old = known.get(kind)
        is_same = old is not None and (old.get("reason") or "") == reason
        condition: dict[str, Any] = {"type": kind, "status": "True"}
        for moment in ("lastProbeTime", "lastTransitionTime"):
            condition[moment] = old.get(moment) if is_same and old is not None else now
        condition |= {name: text for name, text in (("reason", reason), ("message", message)) if text}
        found.append(condition)
    return found


def _limits(resources: Resources) -> dict[str, tuple[int, ...]]:
    """Return what a cgroup has of some resources. A request of memory makes no difference to it."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    request = Quantity.parse(requests.get("cpu", limits.get("cpu", "0"))).milli
    limit = Quantity.parse(limits.get("cpu", "0")).milli
    return {
        "cpu": (max(_LEAST_MILLI_CPU, request), max(_LEAST_MILLI_CPU_LIMIT, limit) if limit else 0),
        "memory": (Quantity.parse(limits.get("memory", "0")).value,),
    }
