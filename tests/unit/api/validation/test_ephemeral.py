from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import PODS
from podbay.api.validation.ephemeral import validate_ephemeral_update
from tests.unit.api.validation.support import lines, pod, stored

HERE = "spec.ephemeralContainers[0]"
NOT_HERE = "Forbidden: cannot be set for an Ephemeral Container"


def problems(*containers: dict[str, Any], before: tuple[dict[str, Any], ...] = ()) -> list[str]:
    old = stored(pod({"ephemeralContainers": list(before)}))
    new = stored(pod({"ephemeralContainers": list(containers)}))
    for each in (old, new):
        set_defaults(PODS, each)
    return lines(validate_ephemeral_update(new, old))


def debug(**more: Any) -> dict[str, Any]:
    return {"name": "debug", "image": "busybox", **more}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (debug(), []),
        (debug(targetContainerName="c", stdin=True, tty=True), []),
        (debug(targetContainerName="x"), [f'{HERE}.targetContainerName: Not found: "x"']),
        ({"name": "c", "image": "i"}, [f'{HERE}.name: Duplicate value: "c"']),
        (debug(ports=[{"containerPort": 80}]), [f"{HERE}.ports: {NOT_HERE}"]),
        (debug(readinessProbe={"exec": {"command": ["a"]}}), [f"{HERE}.readinessProbe: {NOT_HERE}"]),
        (debug(resources={"limits": {"cpu": "1"}}), [f"{HERE}.resources: {NOT_HERE}"]),
    ],
)
def test_an_ephemeral_container(container: dict[str, Any], expected: list[str]) -> None:
    assert [line for line in problems(container) if "podbay" not in line] == expected


def test_ephemeral_containers_are_added_and_never_changed_or_removed() -> None:
    assert problems(debug(), {"name": "more", "image": "i"}, before=(debug(),)) == []
    assert problems(before=(debug(),)) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'
    ]
    assert problems(debug(image="other"), before=(debug(),)) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed\n'
    ]
