"""How far a pod's initialization is: which of its init containers are to start or to stop now.

Pure. Takes the pod's spec, what the runtime has in the pod's present sandbox, and what probes found. Init containers
run one by one, each to its end; a sidecar stays, and the next one's turn comes once it has started. A new sandbox
begins anew.
Invariant: containers are started only in the order of the spec; nothing but sidecars is started once a container was.
Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/ ; upstream's computeInitContainerActions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podbay.api.pod_containers import is_sidecar
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.actions import StopContainer, is_changed
from podbay.kubelet.observed import Observed
from podbay.kubelet.probes.health import UNPROBED, Healths
from podbay.kubelet.resizing import NOTHING_KNOWN, Actual, must_restart

Object = Mapping[str, Any]


@dataclass(slots=True)
class Initialization:
    """See the module. ``start`` has names in order; ``has_failed``: the pod's containers will never run."""

    is_done: bool = False
    has_failed: bool = False
    stop: list[StopContainer] = field(default_factory=list)
    start: list[str] = field(default_factory=list)


def initialization(spec: Object, here: Observed, healths: Healths, actual: Actual = NOTHING_KNOWN) -> Initialization:
    """Return what is to be done. ``here`` has only what belongs to the present sandbox."""
    init: Sequence[Object] = spec.get("initContainers") or ()
    was_done = not init or any(here.newest(container["name"]) is not None for container in spec["containers"])
    found = Initialization(is_done=was_done)
    is_past = was_done  # a later one has been started, so all before it are initialized
    for i in reversed(range(len(init))):
        container = init[i]
        newest = here.newest(container["name"])
        if newest is None:
            if is_past and is_sidecar(container):
                found.start.append(container["name"])
            continue
        if is_past and not is_sidecar(container):
            continue
        place = len(found.start)
        if is_sidecar(container):
            is_initialized = _sidecar(container, newest, healths, actual, found)
        else:
            is_initialized = _to_its_end(spec, container, newest, found)
        if found.has_failed:
            return Initialization(has_failed=True)
        if is_initialized and not is_past:
            if i == len(init) - 1:
                found.is_done = True
            else:
                found.start.insert(place, init[i + 1]["name"])
        is_past = True
    if not is_past:
        found.start.append(init[0]["name"])
    found.start.reverse()
    return found


def _to_its_end(spec: Object, container: Object, newest: Container, found: Initialization) -> bool:
    """Look at an init container that runs to its end; return whether it has, well."""
    name = container["name"]
    if newest.state is ContainerState.CREATED:
        found.start.append(name)
    elif newest.state is not ContainerState.RUNNING:
        if newest.state is ContainerState.EXITED and newest.exit_code == 0:
            return True
        if spec.get("restartPolicy") == "Never":
            found.has_failed = True
        else:
            _kill_unknown(name, newest, found)
            found.start.append(name)
    return False


def _sidecar(container: Object, newest: Container, healths: Healths, actual: Actual, found: Initialization) -> bool:
    """Look at a sidecar that has begun; return whether the next one's turn has come."""
    name = container["name"]
    if newest.state is not ContainerState.RUNNING:
        _kill_unknown(name, newest, found)
        found.start.append(name)
        return False
    health = healths.get(newest.id, UNPROBED)
    if health.failed == "startup":
        found.stop.append(StopContainer(name, newest.id, f"Init container {name} failed startup probe", "startup"))
        found.start.append(name)
        return False
    if not health.started:
        return False
    if is_changed(container, newest):
        found.stop.append(StopContainer(name, newest.id, f"Init container {name} definition changed"))
        found.start.append(name)
    elif health.failed == "liveness":
        found.stop.append(StopContainer(name, newest.id, f"Init container {name} failed liveness probe", "liveness"))
        found.start.append(name)
    elif must_restart(container, actual.get(newest.id)):
        found.stop.append(StopContainer(name, newest.id, f"Container {name} resize requires restart"))
        found.start.append(name)
    return True


def _kill_unknown(name: str, newest: Container, found: Initialization) -> None:
    if newest.state is ContainerState.UNKNOWN:
        message = 'Init container is in "unknown" state, try killing it before restart'
        found.stop.append(StopContainer(name, newest.id, message))
