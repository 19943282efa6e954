"""What a pod's status is.

Pure. Takes the pod, what the runtime has of it, why containers wait, and the time; gives the status to be written.
Invariant: a transition time changes only with its condition's status; a pod that has finished never goes back.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ ; upstream's generateAPIPodStatus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podbay.api.qos import qos_class
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.observed import Observed
from podbay.kubelet.plan import shall_run
from podbay.wire.times import format_nano_time

Object = dict[str, Any]


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
    failure: tuple[str, str] | None = None  # the whole pod was refused: (reason, message)


def pod_status(pod: Mapping[str, Any], seen: Observed, about: Circumstances) -> Object:
    """Return the status of a pod."""
    spec, old = pod["spec"], pod.get("status") or {}
    terminating = "deletionTimestamp" in pod["metadata"]
    if about.failure is not None:
        return {
            "phase": "Failed",
            "reason": about.failure[0],
            "message": f"Pod was rejected: {about.failure[1]}",
            "startTime": old.get("startTime", about.now),
            "qosClass": old.get("qosClass") or qos_class(pod),
        }
    before = {status["name"]: status for status in old.get("containerStatuses") or ()}
    statuses = [_container_status(pod, c, seen, about, before.get(c["name"])) for c in spec["containers"]]
    phase = _phase(spec.get("restartPolicy", "Always"), statuses, old.get("phase"), is_ending=terminating)
    status: Object = {"phase": phase}
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
    status["containerStatuses"] = sorted(statuses, key=lambda s: str(s["name"]))
    status["conditions"] = _conditions(old.get("conditions") or (), statuses, phase, seen, about.now)
    return status


def _ips(pod: Mapping[str, Any], seen: Observed, about: Circumstances) -> Sequence[str]:
    if pod["spec"].get("hostNetwork"):
        return [about.host_ip] if seen.sandboxes else []
    return seen.sandbox.ips if seen.sandbox is not None else []


def _container_status(
    pod: Mapping[str, Any], container: Mapping[str, Any], seen: Observed, about: Circumstances, old: Object | None
) -> Object:
    name = container["name"]
    newest, previous = seen.newest(name), seen.previous(name)
    terminating = "deletionTimestamp" in pod["metadata"]
    status: Object = {
        "name": name,
        "ready": False,
        "started": False,
        "restartCount": newest.attempt if newest else (old or {}).get("restartCount", 0),
        "image": container["image"],
        "imageID": "",
        "state": {},
        "lastState": {},
    }
    waiting = about.waiting.get(name)
    if newest is not None:
        status["image"] = _shown_image(newest, container)
        status["imageID"] = about.image_ids.get(newest.image_ref, newest.image_ref)
        status["containerID"] = f"{about.runtime_name}://{newest.id}"
        state = _state(newest, about)
        if "running" in state:
            status["ready"] = status["started"] = True
        # Why it waits is told only of one that will be tried again; of another its end is the last word.
        again = shall_run(newest, pod["spec"].get("restartPolicy", "Always")) and not terminating
        if waiting is not None and newest.state is ContainerState.EXITED and again:
            status["lastState"] = state
            status["state"] = _waiting(*waiting)
        else:
            status["state"] = state
            if previous is not None:
                status["lastState"] = _state(previous, about)
    elif old is not None and old.get("containerID") and "terminated" in (old.get("state") or {}):
        # The runtime has forgotten a container that had ended: what was told of it stays true.
        kept = dict(old)
        if waiting is not None and not terminating:
            kept["lastState"], kept["state"] = old["state"], _waiting(*waiting)
        return kept
    elif old is not None and old.get("containerID") and "running" in (old.get("state") or {}):
        status["containerID"] = old["containerID"]
        gone = {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "message": "The container could not be located when the pod was terminated",
            "startedAt": None,
            "finishedAt": None,
            "containerID": old["containerID"],
        }
        if terminating:
            status["state"] = {"terminated": gone}
        else:
            gone["message"] = (
                "The container could not be located when the pod was deleted.  The container used to be Running"
            )
            status["lastState"] = {"terminated": gone}
            status["state"] = _waiting(*(waiting or ("ContainerCreating", "")))
            status["restartCount"] = old.get("restartCount", 0) + 1
            del status["containerID"]
    else:
        status["state"] = _waiting(*(waiting or ("ContainerCreating", "")))
    return status


def _shown_image(container: Container, wanted: Mapping[str, Any]) -> str:
    return (
        container.image
        if "/" in container.image and not container.image.startswith("sha256:")
        else str(wanted["image"])
    )


def _waiting(reason: str, message: str) -> Object:
    waiting = {"reason": reason}
    if message:
        waiting["message"] = message
    return {"waiting": waiting}


def _state(container: Container, about: Circumstances) -> Object:
    match container.state:
        case ContainerState.RUNNING:
            return {"running": {"startedAt": format_nano_time(container.started_at)}}
        case ContainerState.EXITED:
            reason = container.reason or ("Completed" if container.exit_code == 0 else "Error")
            if container.id in about.oom_killed and container.exit_code != 0:
                reason = "OOMKilled"
            terminated: Object = {"exitCode": container.exit_code, "reason": reason}
            message = about.messages.get(container.id) or container.message
            if message:
                terminated["message"] = message
            terminated["startedAt"] = format_nano_time(container.started_at) if container.started_at else None
            terminated["finishedAt"] = format_nano_time(container.finished_at) if container.finished_at else None
            terminated["containerID"] = f"{about.runtime_name}://{container.id}"
            return {"terminated": terminated}
        case _:
            return _waiting("ContainerCreating", "")


def _phase(policy: str, statuses: Sequence[Object], old: str | None, *, is_ending: bool) -> str:
    if old in ("Succeeded", "Failed"):
        return old
    waiting = running = stopped = succeeded = unknown = 0
    for status in statuses:
        state, last = status["state"], status["lastState"]
        if "running" in state:
            running += 1
        elif "terminated" in state:
            stopped += 1
            succeeded += state["terminated"]["exitCode"] == 0
        elif "waiting" in state:
            if "terminated" in last:
                stopped += 1
            else:
                waiting += 1
        else:
            unknown += 1
    if waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if stopped and not running and not unknown:
        if is_ending:
            return "Succeeded" if stopped == succeeded else "Failed"
        if policy == "Always":
            return "Running"
        if stopped == succeeded:
            return "Succeeded"
        return "Failed" if policy == "Never" else "Running"
    return "Pending"


def _conditions(
    old: Sequence[Object], statuses: Sequence[Object], phase: str, seen: Observed, now: str
) -> list[Object]:
    unready = [s["name"] for s in statuses if not s["ready"]]
    over = phase in ("Succeeded", "Failed")
    ready = not unready and not over
    why: tuple[str, str] = ("", "")
    if phase == "Succeeded":
        why = ("PodCompleted", "")
    elif phase == "Failed":
        why = ("PodFailed", "")
    elif unready:
        why = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    initialized_why = ("PodCompleted", "") if phase == "Succeeded" else ("", "")
    has_network = seen.sandbox is not None
    wanted = [
        ("PodReadyToStartContainers", has_network, ("", "")),
        ("Initialized", True, initialized_why),
        ("Ready", ready, why),
        ("ContainersReady", ready, why),
        ("PodScheduled", True, ("", "")),
    ]
    before = {condition["type"]: condition for condition in old}
    found: list[Object] = []
    for kind, value, (reason, message) in wanted:
        status = "True" if value else "False"
        known = before.pop(kind, None)
        moment = known["lastTransitionTime"] if known and known.get("status") == status else now
        condition: Object = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": moment}
        if reason:
            condition["reason"] = reason
        if message:
            condition["message"] = message
        found.append(condition)
    return found + list(before.values())
