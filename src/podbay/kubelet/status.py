"""What a pod's status is.

Pure. Takes the pod, what the runtime has of it, what probes found, why containers wait, and the time; gives the status
to be written.
Invariant: a pod that has finished never goes back, and none has finished while a container of it runs.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ ; upstream's generateAPIPodStatus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.api.qos import qos_class
from podbay.kubelet.conditions import disrupted, pod_conditions
from podbay.kubelet.container_status import Object, Surroundings, container_status
from podbay.kubelet.observed import Observed
from podbay.kubelet.phase import pod_phase
from podbay.kubelet.probes.health import Healths
from podbay.kubelet.resizing import NO_RESIZE, Actual, ResizeState

_FIELDS: Final = {
    "initContainers": "initContainerStatuses",
    "containers": "containerStatuses",
    "ephemeralContainers": "ephemeralContainerStatuses",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the status needs besides the runtime's view. ``waiting``: container -> (reason, message)."""

    now: str
    host_ip: str
    runtime_name: str = "containerd"
    waiting: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    image_ids: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)  # container id -> termination message
    oom_killed: frozenset[str] = frozenset()
    healths: Healths = field(default_factory=dict)
    recursive_read_only: bool = False  # whether the runtime can mount so
    failure: tuple[str, str] | None = None  # the whole pod was refused: (reason, message)
    eviction: tuple[str, str] | None = None  # the pod was stopped for good: (reason, message)
    disruption: str | None = None  # it was stopped for the sake of the node or of another pod: what is told of that
    actual: Actual = field(default_factory=dict)  # what the containers have that run
    resize: ResizeState = NO_RESIZE


def pod_status(pod: Mapping[str, Any], seen: Observed, about: Circumstances) -> Object:
    """Return the status of a pod."""
    old = pod.get("status") or {}
    if about.failure is not None:
        return {
            "phase": "Failed",
            "reason": about.failure[0],
            "message": f"Pod was rejected: {about.failure[1]}",
            "startTime": old.get("startTime", about.now),
            "qosClass": old.get("qosClass") or qos_class(pod),
        }
    init, regular, ephemeral = (_statuses(pod, kind, seen, about) for kind in _FIELDS)
    terminating = "deletionTimestamp" in pod["metadata"]
    status: Object = _phase(pod, seen, about, init, regular)
    phase = status["phase"]
    status["startTime"] = old.get("startTime") or about.now
    status["hostIP"] = about.host_ip
    status["hostIPs"] = [{"ip": about.host_ip}]
    ips = _ips(pod, seen, about)
    if ips:
        status["podIP"] = ips[0]
        status["podIPs"] = [{"ip": ip} for ip in ips]
    elif old.get("podIP") and (phase in ("Succeeded", "Failed") or terminating):
        status["podIP"], status["podIPs"] = old["podIP"], old.get("podIPs") or [{"ip": old["podIP"]}]
    status["qosClass"] = old.get("qosClass") or qos_class(pod)
    if init:
        status["initContainerStatuses"] = list(init.values())
    status["containerStatuses"] = sorted(regular.values(), key=lambda s: str(s["name"]))
    if ephemeral:
        status["ephemeralContainerStatuses"] = sorted(ephemeral.values(), key=lambda s: str(s["name"]))
    status["conditions"] = pod_conditions(
        pod, phase, init, regular, has_network=seen.sandbox is not None, now=about.now, resize=about.resize
    )
    if about.disruption is not None:
        status["conditions"] = disrupted(status["conditions"], about.disruption, about.now)
    return status


def _statuses(pod: Mapping[str, Any], kind: str, seen: Observed, about: Circumstances) -> dict[str, Object]:
    spec, old = pod["spec"], pod.get("status") or {}
    surroundings = Surroundings(
        runtime_name=about.runtime_name,
        is_terminating="deletionTimestamp" in pod["metadata"],
        restart_policy=spec.get("restartPolicy", "Always"),
        waits_as="PodInitializing"
        if spec.get("initContainers") and kind != "ephemeralContainers"
        else "ContainerCreating",
        waiting=about.waiting,
        image_ids=about.image_ids,
        messages=about.messages,
        oom_killed=about.oom_killed,
        healths=about.healths,
        recursive_read_only=about.recursive_read_only,
        actual=about.actual,
    )
    before = {status["name"]: status for status in old.get(_FIELDS[kind]) or ()}
    return {
        c["name"]: container_status(kind, c, seen, surroundings, before.get(c["name"])) for c in spec.get(kind) or ()
    }


def _phase(
    pod: Mapping[str, Any],
    seen: Observed,
    about: Circumstances,
    init: Mapping[str, Object],
    regular: Mapping[str, Object],
) -> Object:
    """Return the phase with its reason and message; a final one only when nothing runs any more."""
    old = pod.get("status") or {}
    terminating = "deletionTimestamp" in pod["metadata"]
    phase = pod_phase(pod["spec"], init, regular, old.get("phase"), is_ending=terminating)
    found: Object = {"phase": phase}
    if about.eviction is not None:
        found = {"phase": "Failed", "reason": about.eviction[0], "message": about.eviction[1]}
    elif phase in ("Succeeded", "Failed") and old.get("phase") == phase:
        found |= {name: old[name] for name in ("reason", "message") if old.get(name)}
    if found["phase"] in ("Succeeded", "Failed") and seen.running and old.get("phase") not in ("Succeeded", "Failed"):
        return {"phase": old.get("phase") or "Pending"}
    return found


def _ips(pod: Mapping[str, Any], seen: Observed, about: Circumstances) -> Sequence[str]:
    if pod["spec"].get("hostNetwork"):
        return [about.host_ip] if seen.sandboxes else []
    return seen.sandbox.ips if seen.sandbox is not None else []
