"""Init containers in real containers, to the letter of upstream's conformance tests and beyond."""

import pytest

from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition, status_of, watched

pytestmark = pytest.mark.e2e


def init(name: str, script: str, **more: object) -> dict[str, object]:
    return shell(name, script, image="busybox", imagePullPolicy="IfNotPresent", **more)


def hold_throughout(versions: list[Pod]) -> None:
    """Upstream's invariants: who is initialized stays so, and no container starts before."""
    was_initialized = False
    assert versions
    for version in versions:
        found = condition(version, "Initialized")
        if not found:
            continue
        assert found["lastTransitionTime"], "Initialized has no transition time"
        inits = version["status"].get("initContainerStatuses") or []
        if found["status"] == "True":
            was_initialized = True
            assert all((s["state"].get("terminated") or {}).get("exitCode") == 0 for s in inits), inits
            continue
        assert not was_initialized, "the pod was initialized and then was not"
        for status in version["status"].get("containerStatuses") or ():
            assert "waiting" in status["state"] and not status["lastState"], status
            assert status["restartCount"] == 0


def all_went_well(found: Pod) -> None:
    assert condition(found, "Initialized")["status"] == "True"
    statuses = found["status"]["initContainerStatuses"]
    assert len(statuses) == 2
    for status in statuses:
        assert status["ready"], status
        assert status["state"]["terminated"]["exitCode"] == 0


def test_init_containers_of_a_pod_that_never_restarts(cluster: RealCluster) -> None:
    """[sig-node] InitContainer [NodeConformance] should invoke init containers on a RestartNever pod

    Compared with test/e2e/common/node/init_container.go
    Upstream's assertions, and where they are made here:
    - every version that a watch shows keeps the invariants (initialized once and for all, transition time set, no
      container before): ``hold_throughout``
    - the pod's end is reached with phase Succeeded: ``until`` and the assertion after it
    - condition Initialized is there and True; two init container statuses; each ready, terminated, exit code 0:
      ``all_went_well``
    """
    with watched(cluster, "init-never") as versions:
        cluster.apply(
            pod(
                "init-never",
                shell("run1", "true"),
                initContainers=[init("init1", "true"), init("init2", "true")],
                restartPolicy="Never",
            )
        )
        found = until(lambda: _in_phase(cluster, "init-never", "Succeeded", "Failed"), "the pod ends")
    assert found["status"]["phase"] == "Succeeded"
    all_went_well(found)
    hold_throughout(versions)
    cluster.wait_gone("init-never")


def test_init_containers_of_a_pod_that_restarts(cluster: RealCluster) -> None:
    """[sig-node] InitContainer [NodeConformance] should invoke init containers on a RestartAlways pod

    Compared with test/e2e/common/node/init_container.go
    Upstream's assertions, and where they are made here:
    - every version that a watch shows keeps the invariants: ``hold_throughout``
    - the pod comes to phase Running: ``until`` and the assertion after it
    - condition Initialized is there and True; two init container statuses; each ready, terminated, exit code 0:
      ``all_went_well``
    """
    limits = {"limits": {"cpu": "100m", "memory": "30Mi"}}
    with watched(cluster, "init-always") as versions:
        cluster.apply(
            pod(
                "init-always",
                shell("run1", SLEEP, resources=limits),
                initContainers=[init("init1", "true"), init("init2", "true")],
                restartPolicy="Always",
            )
        )
        found = until(lambda: _in_phase(cluster, "init-always", "Running"), "the pod runs")
    assert found["status"]["phase"] == "Running"
    all_went_well(found)
    hold_throughout(versions)
    cluster.wait_gone("init-always")


def test_no_container_starts_while_an_init_container_fails(cluster: RealCluster) -> None:
    """[sig-node] InitContainer [NodeConformance] should not start app containers if init containers fail on a
    RestartAlways pod

    Compared with test/e2e/common/node/init_container.go
    Upstream's assertions, and where they are made here:
    - in every version that a watch shows, run1 and init2 wait with the reason PodInitializing: the loop below
    - every version keeps the invariants: ``hold_throughout``
    - init1 comes to three restarts: ``until``
    - phase Pending; condition Initialized False with reason ContainersNotInitialized and message
      "containers with incomplete status: [init1 init2]"; two init container statuses: the assertions below
    """
    with watched(cluster, "init-loop") as versions:
        cluster.apply(
            pod(
                "init-loop",
                shell("run1", SLEEP),
                initContainers=[init("init1", "false"), init("init2", "true")],
                restartPolicy="Always",
            )
        )
        found = until(lambda: _restarted(cluster, "init-loop", "init1", 3), "three restarts", patience_s=90)
    for version in versions:
        for name in ("init2", "run1"):
            status = status_of(version, name)
            assert not status or status["state"] == {"waiting": {"reason": "PodInitializing"}}, version["status"]
    hold_throughout(versions)
    assert found["status"]["phase"] == "Pending"
    initialized = condition(found, "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [init1 init2]"
    assert len(found["status"]["initContainerStatuses"]) == 2
    shown = {cluster.cli(which)("get", "pod", "init-loop", "--no-headers").out.split()[2] for which in ("kubectl",)}
    assert shown <= {"Init:CrashLoopBackOff", "Init:Error", "Init:0/2"}
    cluster.wait_gone("init-loop")


def test_a_failed_init_container_fails_a_pod_that_never_restarts(cluster: RealCluster) -> None:
    """[sig-node] InitContainer [NodeConformance] should not start app containers and fail the pod if init containers
    fail on a RestartNever pod

    Compared with test/e2e/common/node/init_container.go
    Upstream's assertions, and where they are made here:
    - in every version that a watch shows run1 waits with the reason PodInitializing: the loop below
    - every version keeps the invariants: ``hold_throughout``
    - init2 terminates with an exit code that is not zero: the assertion after ``until``
    - phase Failed; condition Initialized False with reason ContainersNotInitialized and message
      "containers with incomplete status: [init2]"; two init container statuses; run1 waits: the assertions below
    """
    with watched(cluster, "init-fails") as versions:
        cluster.apply(
            pod(
                "init-fails",
                shell("run1", "true", resources={"limits": {"cpu": "100m", "memory": "30Mi"}}),
                initContainers=[init("init1", "true"), init("init2", "false")],
                restartPolicy="Never",
            )
        )
        found = until(lambda: _in_phase(cluster, "init-fails", "Succeeded", "Failed"), "the pod ends")
    for version in versions:
        status = status_of(version, "run1")
        assert not status or status["state"] == {"waiting": {"reason": "PodInitializing"}}, version["status"]
    hold_throughout(versions)
    assert status_of(found, "init2")["state"]["terminated"]["exitCode"] != 0
    assert found["status"]["phase"] == "Failed"
    initialized = condition(found, "Initialized")
    assert (initialized["status"], initialized["reason"]) == ("False", "ContainersNotInitialized")
    assert initialized["message"] == "containers with incomplete status: [init2]"
    assert len(found["status"]["initContainerStatuses"]) == 2
    assert "waiting" in status_of(found, "run1")["state"]
    for which in ("podbay", "kubectl"):
        assert cluster.cli(which)("get", "pod", "init-fails", "--no-headers").out.split()[2] == "Init:Error"
    described = [cluster.cli(which)("describe", "pod", "init-fails").out for which in ("podbay", "kubectl")]
    assert "PodInitializing" in described[0] and _steady(described[0]) == _steady(described[1])
    cluster.wait_gone("init-fails")


def _steady(description: str) -> list[str]:
    """Return a description's lines without the events' ages."""
    return description.partition("Events:")[0].splitlines()


def _in_phase(cluster: RealCluster, name: str, *phases: str) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if found["status"].get("phase") in phases else None


def _restarted(cluster: RealCluster, name: str, container: str, times: int) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if status_of(found, container).get("restartCount", 0) >= times else None
