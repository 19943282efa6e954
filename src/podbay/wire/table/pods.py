"""The table of pods: readiness, the one word that says how a pod is, restarts.

Pure. Source: upstream's printPod.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column, human_duration
from podbay.wire.times import parse_time

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


def cells(pod: Mapping[str, Any], now: datetime) -> Cells:
    """Return one pod's cells."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    total, ready, restarts, last_restart, reason = _summary(pod, spec, status)
    restarts_text = str(restarts)
    if restarts and last_restart:
        restarts_text = f"{restarts} ({human_duration((now - last_restart).total_seconds())} ago)"
    ips = status.get("podIPs") or ([{"ip": status["podIP"]}] if status.get("podIP") else [])
    return [
        pod["metadata"]["name"],
        f"{ready}/{total}",
        reason,
        restarts_text,
        age(pod, now),
        ips[0]["ip"] if ips else "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        _gates(spec, status),
    ]


def _summary(
    pod: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]
) -> tuple[int, int, int, datetime | None, str]:
    """Return how many containers there are and are ready, restarts, the last one's time, and the reason."""
    total = len(spec.get("containers") or ())
    reason = str(status.get("reason") or status.get("phase", ""))
    if any(c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in _conditions(status)):
        reason = "SchedulingGated"
    statuses = status.get("containerStatuses") or ()
    ready = restarts = 0
    last: datetime | None = None
    has_running = False
    for container in reversed(statuses):
        restarts += container.get("restartCount", 0)
        last = _later(last, container)
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated and terminated.get("reason"):
            reason = terminated["reason"]
        elif terminated:
            signal = terminated.get("signal", 0)
            reason = f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"
        elif container.get("ready") and state.get("running"):
            has_running = True
            ready += 1
    if reason == "Completed" and has_running:
        is_ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in _conditions(status))
        reason = "Running" if is_ready else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Failed", "Succeeded"):
            reason = "Terminating"
    return total, ready, restarts, last, reason


def _conditions(status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return status.get("conditions") or ()


def _later(last: datetime | None, container: Mapping[str, Any]) -> datetime | None:
    terminated = (container.get("lastState") or {}).get("terminated")
    if not terminated or not terminated.get("finishedAt"):
        return last
    finished = parse_time(terminated["finishedAt"])
    return finished if last is None or finished > last else last


def _gates(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return "<none>"
    met = {c.get("type") for c in _conditions(status) if c.get("status") == "True"}
    return f"{sum(gate['conditionType'] in met for gate in gates)}/{len(gates)}"
