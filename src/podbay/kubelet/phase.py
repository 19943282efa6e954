"""A pod's phase: one word for all of its containers.

Pure. Takes the spec and the containers' statuses.
Invariant: Succeeded and Failed are for ever.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase ; upstream's getPhase.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from podbay.api.pod_containers import is_sidecar

Object = Mapping[str, Any]


def pod_phase(
    spec: Object, init: Mapping[str, Object], regular: Mapping[str, Object], old: str | None, *, is_ending: bool
) -> str:
    """Return the phase. ``init`` and ``regular`` are statuses by name; ``is_ending``: nothing restarts any more."""
    if old in ("Succeeded", "Failed"):
        return old
    policy = spec.get("restartPolicy", "Always")
    pending = _Count()
    for container in spec.get("initContainers") or ():
        if not is_sidecar(container):
            pending.add_init(init[container["name"]])
    if pending.failed and policy == "Never":
        return "Failed"
    count = _Count()
    is_starting = bool(pending.unfinished)
    for container in spec.get("initContainers") or ():
        if is_sidecar(container):
            status = init[container["name"]]
            count.add_sidecar(status)
            has_begun = "terminated" in status["state"] or "terminated" in status["lastState"]
            if not has_begun and not status.get("started"):
                is_starting = is_starting or not has_initialized(regular.values())
    for status in regular.values():
        count.add(status)
    if is_starting or count.waiting:
        return "Pending"
    if count.running and not count.unknown:
        return "Running"
    if count.stopped and not count.running and not count.unknown:
        return _of_stopped(policy, all_well=count.stopped == count.succeeded, is_ending=is_ending)
    return "Pending"


def has_initialized(regular: Iterable[Object]) -> bool:
    """Tell whether a container was started once, so that the pod must have been initialized."""
    return any("waiting" not in s["state"] or "terminated" in s["lastState"] for s in regular if s["state"])


def _of_stopped(policy: str, *, all_well: bool, is_ending: bool) -> str:
    if is_ending:
        return "Succeeded" if all_well else "Failed"
    if policy == "Always":
        return "Running"
    if all_well:
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


@dataclass(slots=True)
class _Count:
    """How many containers are in which state."""

    waiting: int = 0
    running: int = 0
    stopped: int = 0
    succeeded: int = 0
    unknown: int = 0
    unfinished: int = 0
    failed: int = 0

    def add(self, status: Object) -> None:
        state, last = status["state"], status["lastState"]
        if "running" in state:
            self.running += 1
        elif "terminated" in state:
            self.stopped += 1
            self.succeeded += state["terminated"]["exitCode"] == 0
        elif "waiting" in state:
            if "terminated" in last:
                self.stopped += 1
            else:
                self.waiting += 1
        else:
            self.unknown += 1

    def add_sidecar(self, status: Object) -> None:
        state, last = status["state"], status["lastState"]
        if "running" in state:
            self.running += 1
        elif "waiting" in state and "terminated" not in last:
            self.waiting += 1

    def add_init(self, status: Object) -> None:
        state, last = status["state"], status["lastState"]
        ended = state.get("terminated") or (last.get("terminated") if "waiting" in state else None)
        if ended is None:
            self.unfinished += 1
        else:
            self.failed += ended["exitCode"] != 0
            self.unfinished += "waiting" in state and ended["exitCode"] == 0
