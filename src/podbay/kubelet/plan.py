"""What to do next for a pod.

Pure. Takes the pod, what the runtime has of it, its containers' health, its back-offs and the time; gives actions, in
order, and when to look again. Nothing here waits or talks to anybody.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ ; upstream's computePodActions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.api.pod_containers import each_container, is_sidecar
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.actions import Plan, StartContainer, StopContainer, Waiting, is_changed
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.initialization import initialization
from podbay.kubelet.observed import Observed
from podbay.kubelet.probes.health import UNPROBED, Healths
from podbay.kubelet.resizing import NOTHING_KNOWN, Actual, must_restart

Pod = Mapping[str, Any]
_NOTHING: Final[Healths] = {}
_PROBE_NAMES: Final = {"liveness": "liveness probe", "startup": "startup probe"}
_STATUS_FIELDS: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")


@dataclass(slots=True)
class _Regular:
    """What is to be done with the containers that are neither init nor ephemeral ones."""

    stop: list[StopContainer] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    is_over: bool = False


def plan(
    pod: Pod,
    seen: Observed,
    backoffs: Backoffs,
    now: float,
    healths: Healths = _NOTHING,
    ended_at: Callable[[Container], float] = lambda container: container.finished_at / 1e9,
    actual: Actual = NOTHING_KNOWN,
) -> Plan:
    """Return what to do for a pod that shall live, with what was allocated to it.

    ``now`` is of the clock on which ``ended_at`` tells; ``actual`` has the resources of what runs.
    """
    spec = pod["spec"]
    wanted = [container["name"] for _, container in each_container(spec)]
    if seen.sandbox is None:
        return _without_sandbox(pod, seen, wanted)
    init = initialization(spec, seen.in_sandbox(seen.sandbox.id), healths, actual)
    regular = _regular(spec, seen, healths, actual) if init.is_done else _Regular(is_over=init.has_failed)
    if regular.is_over:
        return Plan(is_over=True, remove=superseded(seen, wanted))
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or () if seen.newest(c["name"]) is None]
    start, waiting = [], []
    for name in [*ephemeral, *init.start, *regular.start]:
        ended = seen.ended(name)
        left = backoffs.left_s(name, ended_at(ended), now) if ended is not None else 0.0
        if left > 0:
            waiting.append(Waiting(name, left))
        else:
            start.append(StartContainer(name, attempt_of(pod, seen, name)))
    return Plan(
        stop=(*init.stop, *regular.stop),
        start=tuple(start),
        waiting=tuple(waiting),
        remove=superseded(seen, wanted),
    )


def _regular(spec: Mapping[str, Any], seen: Observed, healths: Healths, actual: Actual) -> _Regular:
    found = _Regular()
    policy = spec.get("restartPolicy", "Always")
    stays = False
    for container in spec["containers"]:
        name, newest = container["name"], seen.newest(container["name"])
        if newest is not None and newest.state is ContainerState.UNKNOWN:
            # Nobody knows whether it runs: it is killed first, so that there are never two of it.
            message = 'Container is in "unknown" state, try killing it before restart'
            found.stop.append(StopContainer(name, newest.id, message))
        if newest is None or newest.state is not ContainerState.RUNNING:
            if shall_run(newest, policy):
                found.start.append(name)
            continue
        failed = healths.get(newest.id, UNPROBED).failed
        if is_changed(container, newest):
            message = f"Container {name} definition changed, will be restarted"
            found.stop.append(StopContainer(name, newest.id, message))
            found.start.append(name)
        elif failed and policy == "Never":
            found.stop.append(StopContainer(name, newest.id, f"Container {name} failed {_PROBE_NAMES[failed]}", failed))
            stays = True  # it has still to end; then it is seen how
        elif failed:
            message = f"Container {name} failed {_PROBE_NAMES[failed]}, will be restarted"
            found.stop.append(StopContainer(name, newest.id, message, failed))
            found.start.append(name)
        elif must_restart(container, actual.get(newest.id)):
            found.stop.append(StopContainer(name, newest.id, f"Container {name} resize requires restart"))
            found.start.append(name)
        else:
            stays = True
    found.is_over = not stays and not found.start
    return found


def _without_sandbox(pod: Pod, seen: Observed, wanted: list[str]) -> Plan:
    """Plan for a pod whose sandbox is not there yet, or died and took its containers along."""
    spec = pod["spec"]
    policy = spec.get("restartPolicy", "Always")
    names = [c["name"] for c in spec["containers"] if shall_run(seen.newest(c["name"]), policy)]
    if not names or initialization(spec, seen, _NOTHING).has_failed:
        return Plan(remove=superseded(seen, wanted))
    init = spec.get("initContainers")
    if init:
        names = [init[0]["name"]]  # a new sandbox is initialized anew
    return Plan(
        kill=bool(seen.running) or bool(seen.sandboxes),
        sandbox_attempt=seen.sandboxes[0].attempt + 1 if seen.sandboxes else 0,
        sandbox_changed=bool(seen.sandboxes),
        start=tuple(StartContainer(name, attempt_of(pod, seen, name)) for name in names),
    )


def shall_run(newest: Container | None, policy: str) -> bool:
    """Tell whether a container is to be (re)started, back-off left aside."""
    if newest is None or newest.state is not ContainerState.EXITED:
        return True
    return policy == "Always" or (policy == "OnFailure" and newest.exit_code != 0)


def policy_of(kind: str, container: Mapping[str, Any], pods: str) -> str:
    """Return the policy by which a container restarts: the pod's, but for init and ephemeral containers."""
    if kind == "ephemeralContainers":
        return "Never"
    if kind == "initContainers":
        return "Always" if is_sidecar(container) else ("Never" if pods == "Never" else "OnFailure")
    return pods


def attempt_of(pod: Pod, seen: Observed, name: str) -> int:
    """Return the number of a container's next incarnation: one more than was ever seen or told.

    One that was made and seems never to have started counts as well, as upstream's does: a runtime that was killed
    while it started one may not know that it ran.
    """
    newest = seen.newest(name)
    if newest is not None:
        return newest.attempt + 1
    told = pod.get("status") or {}
    for status in (each for field_name in _STATUS_FIELDS for each in told.get(field_name) or ()):
        if status.get("name") == name and status.get("containerID"):
            return int(status.get("restartCount", 0)) + 1
    return 0


def superseded(seen: Observed, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of dead containers beyond the newest and the one before it, of each name."""
    found = []
    for name in wanted:
        of_name = [c for c in seen.containers if c.name == name]
        found += [c.id for c in of_name[2:] if c.state is ContainerState.EXITED]
    return tuple(found)
