from typing import Any

import pytest

from podbay.api.pod_resources import pod_amounts, requests_in_force


def asks(amount: int, **more: Any) -> dict[str, Any]:
    return {"name": "x", "amount": amount, **more}


def always(amount: int) -> dict[str, Any]:
    return asks(amount, restartPolicy="Always")


@pytest.mark.parametrize(
    ("init", "containers", "expected"),
    [
        ([], [asks(1), asks(2)], 3),
        ([asks(2), asks(5)], [asks(1), asks(2)], 5),
        ([asks(2), asks(1)], [asks(1), asks(2)], 3),
        ([always(4)], [asks(1), asks(2)], 7),
        ([asks(8), always(4)], [asks(1)], 8),
        ([always(4), asks(8)], [asks(1)], 12),
        ([always(1), always(2), asks(3), always(4)], [asks(5)], 12),
    ],
)
def test_a_pod_needs_the_most_that_runs_together_at_any_moment(init: Any, containers: Any, expected: int) -> None:
    spec = {"initContainers": init, "containers": containers}
    assert pod_amounts(spec, lambda container: {"cpu": container["amount"]}) == {"cpu": expected}


def test_resources_are_counted_apart() -> None:
    spec = {"initContainers": [{"a": 1}], "containers": [{"b": 2}]}
    assert pod_amounts(spec, dict) == {"a": 1, "b": 2}


def resized(*, reason: str = "", init: Any = ()) -> dict[str, Any]:
    container = {"name": "c", "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}}
    told = {"name": "c", "resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"memory": "2Gi"}}
    conditions = [{"type": "PodResizePending", "status": "True", "reason": reason}] if reason else []
    statuses = {"initContainerStatuses" if init else "containerStatuses": [told]}
    spec = {"initContainers": [{**container, **init}], "containers": []} if init else {"containers": [container]}
    return {"spec": spec, "status": {**statuses, "conditions": conditions}}


@pytest.mark.parametrize("init", [(), {"restartPolicy": "Always"}])
def test_a_container_that_is_being_resized_counts_as_the_most_of_what_it_wants_and_has(init: Any) -> None:
    pod = resized(init=init)
    container = pod["spec"]["initContainers" if init else "containers"][0]
    assert requests_in_force(pod)(container) == {"cpu": "3", "memory": "2Gi"}


def test_what_will_never_be_done_and_what_runs_once_count_as_they_are() -> None:
    pod = resized(reason="Infeasible")
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "9"
    assert requests_in_force(pod)(pod["spec"]["containers"][0]) == {"cpu": "3", "memory": "2Gi"}
    once = resized(init={"command": ["true"]})
    assert requests_in_force(once)(once["spec"]["initContainers"][0]) == {"cpu": "2", "memory": "1Gi"}
