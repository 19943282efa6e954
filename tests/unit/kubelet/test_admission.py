from typing import Any

from podbay.kubelet.admission import refusal
from tests.unit.kubelet.views import a_container, a_pod, a_sidecar

ALLOCATABLE = {"cpu": "4", "memory": "8Gi", "pods": "110"}


def asks(cpu: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}}


def test_init_containers_and_sidecars_count_at_the_door_as_they_run_together() -> None:
    main = a_container("main", **asks("1"))
    fits = a_pod(main, init=(a_sidecar("side", **asks("1")), a_container("init", **asks("3"))))
    assert refusal(fits, [], ALLOCATABLE, None) is None
    too_much = a_pod(main, init=(a_sidecar("side", **asks("2")), a_container("init", **asks("3"))))
    assert refusal(too_much, [], ALLOCATABLE, None) == (
        "OutOfcpu",
        "Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
    )


def test_a_sidecars_host_port_is_taken_like_any_other() -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}
    other = a_pod(init=(a_sidecar("side", **port),))
    found = refusal(a_pod(a_container("main", **port)), [other], ALLOCATABLE, None)
    assert found is not None and found[0] == "NodePorts"


def test_a_resource_that_nothing_here_hands_out_is_left_to_the_scheduler() -> None:
    asking = a_pod(a_container("main", resources={"requests": {"example.com/scarce": "2"}}))
    assert refusal(asking, [], ALLOCATABLE, None) is None
    found = refusal(asking, [], {**ALLOCATABLE, "example.com/scarce": "1"}, None)
    assert found is not None and found[0] == "OutOfexample.com/scarce"
