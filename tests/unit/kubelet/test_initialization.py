from typing import Any

import pytest

from podbay.cri.runtime import Container
from podbay.kubelet.actions import Plan
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.plan import plan
from podbay.kubelet.probes.health import Health
from tests.unit.kubelet.views import CREATED, EXITED, RUNNING, a_container, a_pod, a_sandbox, a_sidecar, has, ran

TWO = (a_container("one"), a_container("two"))
SIDE = (a_sidecar("side"), a_container("two"))


def planned(pod: Any, *containers: Container, **healths: Health) -> Plan:
    return plan(pod, has(*containers), Backoffs(), 1000.0, healths)


def started(pod: Any, *containers: Container, **healths: Health) -> list[tuple[str, int]]:
    return [(start.name, start.attempt) for start in planned(pod, *containers, **healths).start]


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ((), [("one", 0)]),
        ((ran("one", CREATED),), [("one", 1)]),
        ((ran("one", RUNNING),), []),
        ((ran("one", EXITED),), [("two", 0)]),
        ((ran("one", EXITED), ran("two", RUNNING)), []),
        ((ran("one", EXITED), ran("two", EXITED)), [("main", 0)]),
        ((ran("two", EXITED),), [("main", 0)]),  # the first one's remains were cleared away
        ((ran("main", RUNNING),), []),
        ((ran("one", EXITED, 1),), [("one", 1)]),
        ((ran("main", EXITED),), [("main", 1)]),
    ],
)
def test_init_containers_run_one_after_the_other_and_then_the_containers(there: Any, expected: Any) -> None:
    assert started(a_pod(init=TWO), *there) == expected


def test_a_failed_init_container_ends_a_pod_that_never_restarts() -> None:
    pod = a_pod(init=TWO, restartPolicy="Never")
    assert planned(pod, ran("one", EXITED, 1)).is_over


def test_a_failed_init_container_waits_for_its_back_off() -> None:
    backoffs = Backoffs()
    backoffs.next("one", 1.0, 1.0)
    todo = plan(a_pod(init=TWO), has(ran("one", EXITED, 1)), backoffs, 2.0)
    assert todo.start == () and [(w.name, round(w.left_s)) for w in todo.waiting] == [("one", 8)]


def test_a_new_sandbox_is_initialized_anew() -> None:
    lost = (ran("one", EXITED), ran("two", EXITED), ran("main", EXITED, 137))
    pod = a_pod(init=TWO)
    todo = plan(pod, has(*lost, sandboxes=(a_sandbox(ready=False),)), Backoffs(), 0.0)
    assert (todo.sandbox_attempt, [s.name for s in todo.start]) == (1, ["one"])
    again = has(*lost, ran("one", EXITED, attempt=1, sandbox="s1"), sandboxes=(a_sandbox(1), a_sandbox(ready=False)))
    assert [(s.name, s.attempt) for s in plan(pod, again, Backoffs(), 0.0).start] == [("two", 1)]


def test_no_sandbox_is_made_for_a_pod_whose_initialization_has_failed() -> None:
    pod = a_pod(init=TWO, restartPolicy="Never")
    todo = plan(pod, has(ran("one", EXITED, 1), sandboxes=(a_sandbox(ready=False),)), Backoffs(), 0.0)
    assert todo.sandbox_attempt is None and not todo.start


@pytest.mark.parametrize(
    ("there", "health", "expected"),
    [
        ((), Health(), [("side", 0)]),
        ((ran("side", RUNNING),), Health(started=False), []),
        ((ran("side", RUNNING),), Health(), [("two", 0)]),
        ((ran("side", RUNNING), ran("two", EXITED)), Health(), [("main", 0)]),
        ((ran("side", EXITED), ran("two", RUNNING)), Health(), [("side", 1)]),
        ((ran("side", EXITED), ran("two", EXITED)), Health(), [("side", 1), ("main", 0)]),
        ((ran("side", EXITED), ran("two", EXITED), ran("main", RUNNING)), Health(), [("side", 1)]),
        ((ran("main", RUNNING),), Health(), [("side", 0)]),
    ],
)
def test_a_sidecar_is_kept_running_and_the_next_one_waits_until_it_has_started(
    there: Any, health: Health, expected: Any
) -> None:
    assert started(a_pod(init=SIDE), *there, side0=health) == expected


def test_a_sidecar_that_fails_its_probe_is_stopped_and_started_again() -> None:
    for kind in ("startup", "liveness"):
        health = Health(started=kind == "liveness", failed=kind)
        todo = planned(a_pod(init=SIDE), ran("side", RUNNING), ran("two", RUNNING), side0=health)
        assert [(s.name, s.message, s.probe) for s in todo.stop] == [
            ("side", f"Init container side failed {kind} probe", kind)
        ]
        assert [(s.name, s.attempt) for s in todo.start] == [("side", 1)]


def test_a_pod_is_over_when_its_containers_are_though_a_sidecar_runs() -> None:
    pod = a_pod(init=SIDE, restartPolicy="OnFailure")
    assert planned(pod, ran("side", RUNNING), ran("two", EXITED), ran("main", EXITED)).is_over
    assert not planned(pod, ran("side", RUNNING), ran("two", EXITED), ran("main", EXITED, 1)).is_over
