"""What to do next for a pod.

Pure. Takes the pod, what the runtime has of it, its back-offs and the time; gives actions, in order, and when to look
again. Nothing here waits or talks to anybody.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ ; upstream's computePodActions.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.observed import Observed

Pod = Mapping[str, Any]
CONTAINER_HASH: Final = "io.kubernetes.container.hash"


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start a container's next incarnation."""

    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop a container that is to be another one; ``message`` is what its event says."""

    name: str
    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A container that waits for its restart's back-off."""

    name: str
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``kill`` stops everything first. ``sandbox_attempt`` is None if the sandbox stays."""

    kill: bool = False
    sandbox_attempt: int | None = None
    sandbox_changed: bool = False
    stop: tuple[StopContainer, ...] = ()
    start: tuple[StartContainer, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    stop_sandbox: bool = False
    remove: tuple[str, ...] = field(default=())


def plan(pod: Pod, seen: Observed, backoffs: Backoffs, now: float) -> Plan:
    """Return what to do for a pod that shall live. ``now`` is in seconds since the epoch."""
    containers = pod["spec"]["containers"]
    policy = pod["spec"].get("restartPolicy", "Always")
    wanted = [c["name"] for c in containers]
    if seen.sandbox is None:
        return _without_sandbox(pod, seen, policy, wanted)
    start: list[StartContainer] = []
    stop: list[StopContainer] = []
    waiting: list[Waiting] = []
    alive = False
    for container in containers:
        name = container["name"]
        newest = seen.newest(name)
        if newest is not None and newest.state is ContainerState.UNKNOWN:
            # Nobody knows whether it runs: it is killed first, so that there are never two of it.
            message = 'Container is in "unknown" state, try killing it before restart'
            stop.append(StopContainer(name, newest.id, message))
        elif newest is not None and newest.state is ContainerState.RUNNING:
            alive = True
            if newest.annotations.get(CONTAINER_HASH, container_hash(container)) == container_hash(container):
                continue
            message = f"Container {name} definition changed, will be restarted"
            stop.append(StopContainer(name, newest.id, message))
        elif newest is not None and newest.state is ContainerState.EXITED:
            if not shall_run(newest, policy):
                continue
            left = backoffs.left_s(name, newest.finished_at / 1e9, now)
            if left > 0:
                waiting.append(Waiting(name, left))
                continue
        start.append(StartContainer(name, attempt_of(pod, seen, name)))
    finished = not alive and not start and not waiting
    return Plan(
        stop=tuple(stop),
        start=tuple(start),
        waiting=tuple(waiting),
        stop_sandbox=finished,
        remove=superseded(seen, wanted),
    )


def _without_sandbox(pod: Pod, seen: Observed, policy: str, wanted: list[str]) -> Plan:
    """Plan for a pod whose sandbox is not there yet, or died and took its containers along."""
    candidates = [name for name in wanted if shall_run(seen.newest(name), policy)]
    if not candidates:
        return Plan(remove=superseded(seen, wanted))
    return Plan(
        kill=bool(seen.running) or bool(seen.sandboxes),
        sandbox_attempt=seen.sandboxes[0].attempt + 1 if seen.sandboxes else 0,
        sandbox_changed=bool(seen.sandboxes),
        start=tuple(StartContainer(name, attempt_of(pod, seen, name)) for name in candidates),
    )


def container_hash(container: Mapping[str, Any]) -> str:
    """Return what changes when a container must be made anew: its name and image, as upstream has it."""
    return hashlib.sha256(f"{container['name']}\0{container['image']}".encode()).hexdigest()[:8]


def shall_run(newest: Container | None, policy: str) -> bool:
    """Tell whether a container is to be (re)started, back-off left aside."""
    if newest is None or newest.state is not ContainerState.EXITED:
        return True
    return policy == "Always" or (policy == "OnFailure" and newest.exit_code != 0)


def attempt_of(pod: Pod, seen: Observed, name: str) -> int:
    """Return the number of a container's next incarnation: one more than was ever seen or told.

    One that was made and never started is made again under its own number: that is no restart.
    """
    newest = seen.newest(name)
    if newest is not None:
        return newest.attempt + (newest.state is not ContainerState.CREATED)
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status.get("name") == name and status.get("containerID"):
            return int(status.get("restartCount", 0)) + 1
    return 0


def superseded(seen: Observed, wanted: list[str]) -> tuple[str, ...]:
    """Return the ids of dead containers beyond the newest and the one before it, of each name."""
    found = []
    for name in wanted:
        of_name = [c for c in seen.containers if c.name == name]
        found += [c.id for c in of_name[2:] if c.state is ContainerState.EXITED]
    return tuple(found)
