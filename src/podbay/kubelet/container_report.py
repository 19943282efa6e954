"""What a container's status reports of how it runs: its resources, what is mounted into it, and as whom it runs.

Pure. Takes the container as the pod has it, what the runtime has of it, and what was told before; gives fields of the
status.
Invariant: what the runtime does not tell of resources is as given, and of a user is left out.
Source: upstream's convertToAPIContainerStatuses, pkg/kubelet/kubelet_pods.go.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.quantity import Format, Quantity
from podbay.cri.runtime import Container, ContainerState, LinuxResources

Object = dict[str, Any]
_LEAST_MILLI_CPU_LIMIT: Final = 10  # a cgroup has no smaller one
_LEAST_MILLI_CPU: Final = 2


def mounts_report(container: Mapping[str, Any], *, recursive_read_only: bool) -> list[Object]:
    """Return what is mounted; ``recursive_read_only`` says whether the runtime can mount so all the way down."""
    found = []
    for mount in container.get("volumeMounts") or ():
        report: Object = {"name": mount["name"], "mountPath": mount["mountPath"]}
        if mount.get("readOnly"):
            asked = (mount.get("recursiveReadOnly") or "Disabled") != "Disabled"
            report["readOnly"] = True
            report["recursiveReadOnly"] = "Enabled" if asked and recursive_read_only else "Disabled"
        found.append(report)
    return found


def resources_report(
    container: Mapping[str, Any], running: Container, given: Mapping[str, Any] | None = None
) -> Object:
    """Return ``resources``, as the runtime has them where it tells, and ``allocatedResources``.

    Where it does not tell, they are what the container was given, or else what is allocated to it.
    """
    allocated = container.get("resources") or {}
    resources: Object = dict(allocated if given is None else given)
    told = running.resources if running.state is ContainerState.RUNNING else None
    if told is not None:
        if "limits" in allocated:
            resources["limits"] = _limits(allocated["limits"], told)
        if "requests" in allocated:
            resources["requests"] = _requests(allocated["requests"], told)
    report: Object = {"resources": resources}
    if allocated.get("requests"):
        report["allocatedResources"] = allocated["requests"]
    return report


def user_report(running: Container) -> Object:
    """Return ``user``, or nothing."""
    if running.user is None:
        return {}
    linux: Object = {"uid": running.user.uid, "gid": running.user.gid}
    if running.user.supplemental_groups:
        linux["supplementalGroups"] = list(running.user.supplemental_groups)
    return {"user": {"linux": linux}}


def _limits(allocated: Mapping[str, str], told: LinuxResources) -> Object:
    found = dict(allocated)
    if told.cpu_quota_us > 0 and told.cpu_period_us > 0:
        _put_cpu(found, told.cpu_quota_us * 1000 // told.cpu_period_us, _LEAST_MILLI_CPU_LIMIT)
    if told.memory_limit_bytes > 0:
        _put(found, "memory", Quantity.of(told.memory_limit_bytes, Format.BINARY_SI))
    return found


def _requests(allocated: Mapping[str, str], told: LinuxResources) -> Object:
    found = dict(allocated)
    if told.cpu_shares > 0:
        _put_cpu(found, -(-told.cpu_shares * 1000 // 1024), _LEAST_MILLI_CPU)
    return found


def _put_cpu(found: Object, milli: int, least: int) -> None:
    """Put in what a cgroup has, unless both it and what is allocated are below what a cgroup can have."""
    if milli > least or Quantity.parse(found.get("cpu", "0")).milli > least:
        _put(found, "cpu", Quantity.of_milli(milli))


def _put(found: Object, name: str, amount: Quantity) -> None:
    """Put an amount in; one that is the same is left as the pod spells it."""
    if name not in found or Quantity.parse(found[name]) != amount:
        found[name] = str(amount)
