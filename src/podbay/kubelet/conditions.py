"""A pod's conditions: network, initialization, readiness, how a resize stands.

Pure. Takes the pod, its phase and its containers' statuses; gives the conditions, others' kept as they are.
Invariant: a transition time changes only with its condition's status.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions ; upstream's generate.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api.pod_containers import is_sidecar, lasting_containers
from podbay.kubelet.phase import has_initialized
from podbay.kubelet.resizing import IN_PROGRESS, NO_RESIZE, PENDING, ResizeState, resize_conditions

Object = Mapping[str, Any]
_DISRUPTED: Final = "DisruptionTarget"
Why = tuple[bool, str, str]  # status, reason, message


def pod_conditions(
    pod: Object,
    phase: str,
    init: Mapping[str, Object],
    regular: Mapping[str, Object],
    *,
    has_network: bool,
    now: str,
    resize: ResizeState = NO_RESIZE,
) -> list[dict[str, Any]]:
    """Return the conditions, the kubelet's own first. One that has finished is not being resized any more."""
    old: Sequence[Object] = (pod.get("status") or {}).get("conditions") or ()
    containers_ready = _containers_ready(pod["spec"], phase, init, regular)
    wanted: list[tuple[str, Why]] = [
        ("PodReadyToStartContainers", (has_network, "", "")),
        ("Initialized", _initialized(pod["spec"], phase, init, regular)),
        ("Ready", _ready(pod["spec"], containers_ready, old)),
        ("ContainersReady", containers_ready),
        ("PodScheduled", (True, "", "")),
    ]
    before = {condition["type"]: dict(condition) for condition in old}
    found: list[dict[str, Any]] = []
    for kind, (value, reason, message) in wanted:
        status = "True" if value else "False"
        known = before.pop(kind, None)
        moment = known["lastTransitionTime"] if known and known.get("status") == status else now
        condition = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": moment}
        if reason:
            condition["reason"] = reason
        if message:
            condition["message"] = message
        found.append(condition)
    for kind in (PENDING, IN_PROGRESS):
        before.pop(kind, None)
    resizing = [] if phase in ("Succeeded", "Failed") else resize_conditions(resize, old, now)
    return found + resizing + list(before.values())


def disrupted(conditions: Sequence[Object], message: str, now: str) -> list[dict[str, Any]]:
    """Return conditions with the one that says that the pod was ended for the node's sake."""
    known = next((each for each in conditions if each["type"] == _DISRUPTED and each.get("status") == "True"), None)
    condition = {
        "type": _DISRUPTED,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": known["lastTransitionTime"] if known else now,
        "reason": "TerminationByKubelet",
        "message": message,
    }
    return [*(dict(each) for each in conditions if each["type"] != _DISRUPTED), condition]


def _initialized(spec: Object, phase: str, init: Mapping[str, Object], regular: Mapping[str, Object]) -> Why:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    incomplete = [
        container["name"]
        for container in spec.get("initContainers") or ()
        if not init[container["name"]].get("started" if is_sidecar(container) else "ready")
    ]
    if not incomplete or has_initialized(regular.values()):
        return True, "", ""
    return False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]"


def _containers_ready(spec: Object, phase: str, init: Mapping[str, Object], regular: Mapping[str, Object]) -> Why:
    statuses = {**init, **regular}
    unready = [c["name"] for c in lasting_containers(spec) if not statuses[c["name"]].get("ready")]
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    if unready:
        return False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return True, "", ""


def _ready(spec: Object, containers_ready: Why, conditions: Sequence[Object]) -> Why:
    """Return whether the pod is ready: its containers are, and so say the conditions that its gates name."""
    if not containers_ready[0]:
        return containers_ready
    said = {condition["type"]: condition.get("status") for condition in conditions}
    problems = []
    for gate in spec.get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in said:
            problems.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif said[kind] != "True":
            problems.append(f'the status of pod readiness gate "{kind}" is not "True", but {said[kind]}')
    return (False, "ReadinessGatesNotReady", ", ".join(problems)) if problems else (True, "", "")
