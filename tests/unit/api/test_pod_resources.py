from typing import Any

import pytest

from podbay.api.pod_resources import pod_amounts


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
