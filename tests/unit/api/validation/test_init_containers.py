from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.api.validation import validate_create
from tests.unit.api.validation.support import lines, pod

HERE = "spec.initContainers[0]"
NOT_WITHOUT = "Forbidden: may not be set for init containers without restartPolicy=Always"
EXEC = {"exec": {"command": ["a"]}}


def problems(*init: dict[str, Any], **spec: Any) -> list[str]:
    filled = [{"name": "i", "image": "i", **container} for container in init]
    return [
        line for line in lines(validate_create(PODS, pod({"initContainers": filled, **spec}))) if "podbay" not in line
    ]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, []),
        ({"name": ""}, [f"{HERE}.name: Required value"]),
        ({"name": "c"}, [f'{HERE}.name: Duplicate value: "c"']),
        ({"image": ""}, [f"{HERE}.image: Required value"]),
        ({"restartPolicy": "Always"}, []),
        ({"restartPolicy": "Never"}, [f'{HERE}.restartPolicy: Unsupported value: "Never": supported values: "Always"']),
        ({"livenessProbe": EXEC}, [f"{HERE}.livenessProbe: {NOT_WITHOUT}"]),
        ({"readinessProbe": EXEC}, [f"{HERE}.readinessProbe: {NOT_WITHOUT}"]),
        ({"startupProbe": EXEC}, [f"{HERE}.startupProbe: {NOT_WITHOUT}"]),
        ({"lifecycle": {"preStop": EXEC}}, [f"{HERE}.lifecycle: {NOT_WITHOUT}"]),
        ({"restartPolicy": "Always", "startupProbe": EXEC, "lifecycle": {"preStop": EXEC}}, []),
        (
            {"restartPolicy": "Always", "startupProbe": {}},
            [f"{HERE}.startupProbe: Required value: must specify a handler type"],
        ),
    ],
)  # fmt: skip
def test_an_init_container(container: dict[str, Any], expected: list[str]) -> None:
    assert problems(container) == expected


def test_names_differ_among_init_containers_too() -> None:
    assert problems({}, {}) == ['spec.initContainers[1].name: Duplicate value: "i"']


def test_two_init_containers_may_have_one_host_port_because_they_run_one_by_one() -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 80}]}
    assert problems({"name": "a", **port}, {"name": "b", **port}) == []
