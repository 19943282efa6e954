from typing import Any

import pytest

from podbay.cri.runtime import Container
from podbay.kubelet.observed import Observed
from podbay.kubelet.probes.health import Health
from podbay.kubelet.status import Circumstances, pod_status
from tests.unit.kubelet.views import (
    EXITED,
    RUNNING,
    a_container,
    a_pod,
    a_sandbox,
    a_sidecar,
    condition_of,
    has,
    one,
    ran,
)

NOW = "2026-01-01T00:00:00Z"
TWO = (a_container("one"), a_container("two"))


def status_of(pod: Any, seen: Observed, **about: Any) -> dict[str, Any]:
    return pod_status(pod, seen, Circumstances(now=NOW, host_ip="192.0.2.1", **about))


def test_before_anything_runs_all_containers_of_a_pod_with_init_containers_are_pod_initializing() -> None:
    status = status_of(a_pod(init=TWO), has())
    waiting = {"waiting": {"reason": "PodInitializing"}}
    assert [s["state"] for s in status["initContainerStatuses"]] == [waiting, waiting]
    assert status["containerStatuses"][0]["state"] == waiting
    assert status["phase"] == "Pending"
    initialized = condition_of(status, "Initialized")
    assert (initialized["status"], initialized["reason"], initialized["message"]) == (
        "False", "ContainersNotInitialized", "containers with incomplete status: [one two]",
    )  # fmt: skip
    ready = condition_of(status, "Ready")
    assert (ready["reason"], ready["message"]) == ("ContainersNotReady", "containers with unready status: [main]")


def test_an_init_container_is_ready_when_it_has_ended_well() -> None:
    status = status_of(a_pod(init=TWO), has(ran("one", EXITED), ran("two", RUNNING)))
    first, second = status["initContainerStatuses"]
    assert (first["ready"], first["started"]) == (True, False)
    assert (second["ready"], second["started"]) == (False, True)
    assert condition_of(status, "Initialized")["message"] == "containers with incomplete status: [two]"


@pytest.mark.parametrize(
    ("policy", "there", "phase"),
    [
        ("Always", (ran("one", EXITED, 1),), "Pending"),
        ("Never", (ran("one", EXITED, 1),), "Failed"),
        ("Always", (ran("one", EXITED), ran("two", EXITED), ran("main", RUNNING)), "Running"),
        ("Never", (ran("one", EXITED), ran("two", EXITED), ran("main", EXITED)), "Succeeded"),
        ("Never", (ran("one", EXITED), ran("two", EXITED), ran("main", EXITED, 3)), "Failed"),
        ("OnFailure", (ran("one", EXITED), ran("two", EXITED)), "Pending"),
    ],
)
def test_the_phase_of_a_pod_with_init_containers(policy: str, there: tuple[Container, ...], phase: str) -> None:
    assert status_of(a_pod(init=TWO, restartPolicy=policy), has(*there))["phase"] == phase


def test_a_failed_init_container_that_waits_to_run_again_shows_both() -> None:
    seen = has(ran("one", EXITED, 1))
    status = status_of(a_pod(init=TWO), seen, waiting={"one": ("CrashLoopBackOff", "back-off 10s")})
    first = one(status["initContainerStatuses"], "one")
    assert first["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert first["lastState"]["terminated"]["exitCode"] == 1
    assert status["phase"] == "Pending"


def test_a_pod_with_a_sidecar_runs_when_both_run_and_is_initialized_when_the_sidecar_has_started() -> None:
    pod = a_pod(init=(a_sidecar("side"),))
    starting = status_of(pod, has(ran("side", RUNNING)), healths={"side0": Health(started=False)})
    assert starting["phase"] == "Pending"
    assert condition_of(starting, "Initialized")["message"] == "containers with incomplete status: [side]"
    both = has(ran("side", RUNNING), ran("main", RUNNING))
    assert status_of(pod, both)["phase"] == "Running"
    assert condition_of(status_of(pod, both), "Ready")["status"] == "True"
    unready = status_of(pod, both, healths={"side0": Health(ready=False)})
    assert condition_of(unready, "Ready")["message"] == "containers with unready status: [side]"
    assert condition_of(unready, "Initialized")["status"] == "True"


def test_a_restarting_sidecar_does_not_make_a_running_pod_pending() -> None:
    pod = a_pod(init=(a_sidecar("side"),))
    seen = has(ran("side", EXITED, 1), ran("main", RUNNING))
    status = status_of(pod, seen, waiting={"side": ("CrashLoopBackOff", "")})
    assert status["phase"] == "Running" and condition_of(status, "Initialized")["status"] == "True"


def test_a_pod_has_finished_only_when_its_sidecars_have_ended_too() -> None:
    pod = a_pod(init=(a_sidecar("side"),), restartPolicy="Never")
    going = status_of(pod, has(ran("side", RUNNING), ran("main", EXITED)))
    assert going["phase"] == "Running"
    over = status_of(pod, has(ran("side", EXITED, 143), ran("main", EXITED)))
    assert over["phase"] == "Succeeded" and condition_of(over, "Initialized")["reason"] == "PodCompleted"


def test_a_readiness_gate_holds_a_pod_back_until_somebody_says_true() -> None:
    gate = "example.com/ready"
    gates = [{"conditionType": gate}]
    seen = has(ran("main", RUNNING))
    ready = condition_of(status_of(a_pod(readinessGates=gates), seen), "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    assert ready["message"] == f'corresponding condition of pod readiness gate "{gate}" does not exist.'
    said = {"conditions": [{"type": gate, "status": "False"}]}
    ready = condition_of(status_of(a_pod(readinessGates=gates, status=said), seen), "Ready")
    assert ready["message"] == f'the status of pod readiness gate "{gate}" is not "True", but False'
    said = {"conditions": [{"type": gate, "status": "True"}]}
    status = status_of(a_pod(readinessGates=gates, status=said), seen)
    assert condition_of(status, "Ready")["status"] == condition_of(status, "ContainersReady")["status"] == "True"


def test_an_ended_pod_that_is_stopped_for_good_says_why() -> None:
    why = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
    running = status_of(a_pod(status={"phase": "Running"}), has(ran("main", RUNNING)), eviction=why)
    assert running["phase"] == "Running" and "reason" not in running
    ended = status_of(a_pod(status={"phase": "Running"}), has(ran("main", EXITED, 137)), eviction=why)
    assert (ended["phase"], ended["reason"], ended["message"]) == ("Failed", *why)


def test_ephemeral_containers_count_for_nothing_but_are_shown() -> None:
    pod = a_pod(ephemeralContainers=[a_container("debug")])
    status = status_of(pod, has(ran("main", RUNNING), ran("debug", EXITED, 1)))
    debug = status["ephemeralContainerStatuses"][0]
    assert (debug["ready"], "started" in debug, debug["state"]["terminated"]["exitCode"]) == (False, False, 1)
    assert status["phase"] == "Running" and condition_of(status, "Ready")["status"] == "True"


def test_the_network_is_there_as_long_as_the_sandbox_is() -> None:
    for ready in (True, False):
        status = status_of(a_pod(), has(sandboxes=(a_sandbox(ready=ready),)))
        assert condition_of(status, "PodReadyToStartContainers")["status"] == str(ready)
