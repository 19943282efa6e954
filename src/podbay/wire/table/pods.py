"""The tables of pods, with readiness, the one word that says how a pod is, restarts; and of pod templates.

Pure. While the init containers are at work, the word and the restarts are theirs; then the containers'. An init
container with restartPolicy Always (a sidecar) counts among both.
Source: upstream's printPod and printPodTemplate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column, human_duration
from podbay.wire.times import parse_time

_Json = Mapping[str, Any]

COLUMNS: Final = (
    NAME,
    column("Ready", about="How many of the containers are ready."),
    column("Status", about="Phase or reason in one word."),
    column("Restarts", about="How often containers were restarted, and when last."),
    AGE,
    column("IP", wide=True),
    column("Node", wide=True),
    column("Nominated Node", wide=True),
    column("Readiness Gates", wide=True),
)
TEMPLATE_COLUMNS: Final = (NAME, column("Containers"), column("Images"), column("Pod Labels"))
_COMPLETED: Final = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}


@dataclass
class _Count:
    """What the containers add up to."""

    reason: str
    ready: int = 0
    restarts: int = 0
    last: datetime | None = None

    def add_restarts(self, container: _Json) -> None:
        self.restarts += container.get("restartCount", 0)
        terminated = (container.get("lastState") or {}).get("terminated")
        if terminated and terminated.get("finishedAt"):
            finished = parse_time(terminated["finishedAt"])
            self.last = finished if self.last is None else max(self.last, finished)


def cells(pod: _Json, now: datetime) -> Cells:
    """Return one pod's cells."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    init = spec.get("initContainers") or ()
    count = _summary(init, status)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            count.reason = "Unknown"
        elif status.get("phase") not in _COMPLETED:
            count.reason = "Terminating"
    restarts = str(count.restarts)
    if count.restarts and count.last:
        restarts = f"{restarts} ({human_duration((now - count.last).total_seconds())} ago)"
    total = len(spec.get("containers") or ()) + sum(map(_is_sidecar, init))
    ips = status.get("podIPs") or ([{"ip": status["podIP"]}] if status.get("podIP") else [])
    return [
        pod["metadata"]["name"],
        f"{count.ready}/{total}",
        count.reason,
        restarts,
        age(pod, now),
        ips[0]["ip"] if ips else "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        _gates(spec, status),
    ]


def template_cells(obj: _Json, _now: datetime) -> Cells:
    """Return one pod template's cells."""
    template = obj.get("template") or {}
    containers = (template.get("spec") or {}).get("containers") or ()
    labels = (template.get("metadata") or {}).get("labels") or {}
    return [
        obj["metadata"]["name"],
        ",".join(container["name"] for container in containers),
        ",".join(container.get("image", "") for container in containers),
        ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>",
    ]


def row_conditions(pod: _Json) -> list[dict[str, str]]:
    """Return a finished pod's row conditions, by which clients can leave it out."""
    phase = (pod.get("status") or {}).get("phase", "")
    if phase not in _COMPLETED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}]


def _summary(init: Sequence[_Json], status: _Json) -> _Count:
    count = _Count(str(status.get("reason") or status.get("phase", "")))
    if any(c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in _conditions(status)):
        count.reason = "SchedulingGated"
    sidecars = {container["name"] for container in init if _is_sidecar(container)}
    is_initializing = _add_init_containers(count, status, sidecars, len(init))
    if not is_initializing or _is_true("Initialized", status):
        count.restarts, count.last = 0, None
        for container in status.get("initContainerStatuses") or ():
            if container.get("name") in sidecars:
                count.add_restarts(container)
        _add_containers(count, status)
    return count


def _add_init_containers(count: _Count, status: _Json, sidecars: set[str], total: int) -> bool:
    """Count the init containers up to the one at work; tell whether there is such a one."""
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        count.add_restarts(container)
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if container.get("name") in sidecars and container.get("started"):
            count.ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            count.reason = f"Init:{_ended(terminated)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            count.reason = f"Init:{waiting['reason']}"
        else:
            count.reason = f"Init:{index}/{total}"
        return True
    return False


def _add_containers(count: _Count, status: _Json) -> None:
    has_running = False
    for container in reversed(status.get("containerStatuses") or ()):
        count.add_restarts(container)
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            count.reason = waiting["reason"]
        elif terminated is not None:
            count.reason = _ended(terminated)
        elif container.get("ready") and state.get("running") is not None:
            has_running = True
            count.ready += 1
    if count.reason == "Completed" and has_running:
        count.reason = "Running" if _is_true("Ready", status) else "NotReady"


def _ended(terminated: _Json) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _is_sidecar(container: _Json) -> bool:
    return container.get("restartPolicy") == "Always"


def _conditions(status: _Json) -> Sequence[_Json]:
    return status.get("conditions") or ()


def _is_true(kind: str, status: _Json) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in _conditions(status))


def _gates(spec: _Json, status: _Json) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return "<none>"
    return f"{sum(_is_true(gate['conditionType'], status) for gate in gates)}/{len(gates)}"
