"""One container's status: what it is doing, how it ended before, whether it has started and is ready.

Pure. Takes the container as the pod has it, what the runtime has of it, what probes found and what was told of it
before.
Invariant: what was told of a container's end stays true when the runtime has forgotten the container.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states ; upstream's
convertToAPIContainerStatuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.api.pod_containers import is_sidecar
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.container_report import mounts_report, resources_report, user_report
from podbay.kubelet.observed import Observed
from podbay.kubelet.plan import policy_of, shall_run
from podbay.kubelet.probes.health import UNPROBED, Healths
from podbay.kubelet.resizing import Actual
from podbay.wire.times import format_nano_time

Object = dict[str, Any]
_LOST_EXIT_CODE: Final = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every container's status needs. ``waiting``: container -> (reason, message)."""

    runtime_name: str = "containerd"
    is_terminating: bool = False
    restart_policy: str = "Always"
    waits_as: str = "ContainerCreating"
    waiting: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    image_ids: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)  # container id -> termination message
    oom_killed: frozenset[str] = frozenset()
    healths: Healths = field(default_factory=dict)
    recursive_read_only: bool = False
    actual: Actual = field(default_factory=dict)


def container_status(
    kind: str, container: Mapping[str, Any], seen: Observed, about: Surroundings, old: Object | None
) -> Object:
    """Return the status of a container. ``kind`` is the field of the spec that it is in."""
    name = container["name"]
    newest, previous = seen.newest(name), seen.previous(name)
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
    if kind == "ephemeralContainers":
        del status["started"]  # nobody asks whether it has
    # What was mounted when it was made stays told, whatever the runtime can do later.
    made = old if old is not None and old.get("containerID") else {}
    mounts = made.get("volumeMounts") or mounts_report(container, recursive_read_only=about.recursive_read_only)
    if mounts:
        status["volumeMounts"] = mounts
    waiting = about.waiting.get(name)
    if newest is not None:
        status["image"] = _shown_image(newest, container)
        status["imageID"] = about.image_ids.get(newest.image_ref, newest.image_ref)
        status["containerID"] = f"{about.runtime_name}://{newest.id}"
        status |= resources_report(container, newest, about.actual.get(newest.id)) | user_report(newest)
        if newest.stop_signal:
            status["stopSignal"] = newest.stop_signal
        state = _state(newest, about)
        # Why it waits is told only of one that will be tried again; of another its end is the last word.
        again = shall_run(newest, policy_of(kind, container, about.restart_policy)) and not about.is_terminating
        if waiting is not None and newest.state is ContainerState.EXITED and again:
            status["lastState"] = state
            status["state"] = _waiting(*waiting)
        else:
            status["state"] = state
            if previous is not None:
                status["lastState"] = _state(previous, about)
            elif old is not None and old.get("containerID") == status["containerID"]:
                status["lastState"] = old.get("lastState") or {}  # the runtime has forgotten it
        _judge(kind, container, status, newest, about)
        return status
    if old is None or not old.get("containerID"):
        status["state"] = _waiting(*(waiting or (about.waits_as, "")))
    elif "terminated" in (old.get("state") or {}):
        return _kept(old, waiting, about)
    elif "running" in (old.get("state") or {}):
        _lose(status, old, waiting, about)
    else:
        status["state"] = _waiting(*(waiting or (about.waits_as, "")))
    return status


def _judge(kind: str, container: Mapping[str, Any], status: Object, newest: Container, about: Surroundings) -> None:
    """Say whether a container has started and is ready."""
    state = status["state"]
    health = about.healths.get(newest.id, UNPROBED)
    if kind == "ephemeralContainers":
        return
    if kind == "initContainers" and not is_sidecar(container):
        status["started"] = "running" in state
        status["ready"] = (state.get("terminated") or {}).get("exitCode") == 0
    elif "running" in state:
        status["started"] = health.started
        status["ready"] = health.started and health.ready


def _kept(old: Object, waiting: tuple[str, str] | None, about: Surroundings) -> Object:
    """Return what was told of a container that had ended and that the runtime has forgotten."""
    kept = dict(old)
    if waiting is not None and not about.is_terminating:
        kept["lastState"], kept["state"] = old["state"], _waiting(*waiting)
    return kept


def _lose(status: Object, old: Object, waiting: tuple[str, str] | None, about: Surroundings) -> None:
    """Tell of a container that ran, and of which nobody knows how it ended."""
    gone = {
        "exitCode": _LOST_EXIT_CODE,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": None,
        "finishedAt": None,
        "containerID": old["containerID"],
    }
    if about.is_terminating:
        status["containerID"] = old["containerID"]
        status["state"] = {"terminated": gone}
        return
    gone["message"] = "The container could not be located when the pod was deleted.  The container used to be Running"
    status["lastState"] = {"terminated": gone}
    status["state"] = _waiting(*(waiting or (about.waits_as, "")))
    status["restartCount"] = old.get("restartCount", 0) + 1


def _shown_image(container: Container, wanted: Mapping[str, Any]) -> str:
    is_name = "/" in container.image and not container.image.startswith("sha256:")
    return container.image if is_name else str(wanted["image"])


def _waiting(reason: str, message: str) -> Object:
    waiting = {"reason": reason}
    if message:
        waiting["message"] = message
    return {"waiting": waiting}


def _state(container: Container, about: Surroundings) -> Object:
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
            return _waiting(about.waits_as, "")
