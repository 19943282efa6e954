"""The rules of limit ranges, and what they say when their author said nothing."""

from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import LIMIT_RANGES
from podbay.api.validation import validate_create, validate_update
from tests.unit.api.validation.support import lines, stored

AT = "spec.limits[0]"


def limit_range(*items: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "l", "namespace": "ns"}, "spec": {"limits": list(items)}}


def found(*items: dict[str, Any]) -> list[str]:
    return lines(validate_create(LIMIT_RANGES, limit_range(*items)))


def test_containers_default_to_what_they_may_have() -> None:
    made = limit_range(
        {
            "type": "Container",
            "max": {"cpu": "2", "memory": "2Gi"},
            "min": {"memory": "1Mi", "example.com/gpu": "0.0001"},
            "default": {"cpu": "1.5"},
        },
        {"type": "Pod", "max": {"cpu": "0.5"}},
    )
    set_defaults(LIMIT_RANGES, made)
    container, pod = made["spec"]["limits"]
    assert container["default"] == {"cpu": "1500m", "memory": "2Gi"}
    assert container["defaultRequest"] == {"cpu": "1500m", "memory": "2Gi", "example.com/gpu": "1m"}
    assert pod == {"type": "Pod", "max": {"cpu": "500m"}}


def test_a_sensible_limit_range_passes() -> None:
    amounts = {"max": {"cpu": "4"}, "min": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "4"}}
    container = {"type": "Container", "default": {"cpu": "3"}, "defaultRequest": {"cpu": "2"}, **amounts}
    claim = {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}}
    assert found({"type": "Pod", **amounts}, container, claim, {"type": "example.com/other"}) == []


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"type": "Node"}, f'{AT}.type: Invalid value: "Node": must be a standard limit type or fully qualified'),
        (
            {"type": "Pod", "max": {"storage": "1"}},
            f'{AT}.max[storage]: Invalid value: "storage": must be a standard resource for containers',
        ),
        (
            {"type": "example.com/other", "min": {"nonsense": "1"}},
            f'{AT}.min[nonsense]: Invalid value: "nonsense": must be a standard resource type or fully qualified',
        ),
        (
            {"type": "Pod", "default": {"cpu": "1"}},
            f"{AT}.default: Forbidden: may not be specified when `type` is 'Pod'",
        ),
        (
            {"type": "Pod", "defaultRequest": {"cpu": "1"}},
            f"{AT}.defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
        ),
        (
            {"type": "PersistentVolumeClaim"},
            f"{AT}.limits: Required value: either minimum or maximum storage value is required, but neither was"
            " provided",
        ),
        (
            {"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}},
            f'{AT}.min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        ),
        (
            {"type": "Container", "min": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}},
            f'{AT}.defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
        ),
        (
            {"type": "Container", "max": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
            f'{AT}.defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
        ),
        (
            {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
            f'{AT}.defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value'
            " 1",
        ),
        (
            {"type": "Container", "min": {"cpu": "2"}, "default": {"cpu": "1"}},
            f'{AT}.default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
        ),
        (
            {"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "2"}},
            f'{AT}.default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
        ),
        (
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}},
            f'{AT}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
        ),
        (
            {"type": "Pod", "maxLimitRequestRatio": {"cpu": "4"}, "min": {"cpu": "1"}, "max": {"cpu": "3500m"}},
            f'{AT}.maxLimitRequestRatio[cpu]: Invalid value: "4": ratio 4 is greater than max/min = 3.500000',
        ),
        (
            {"type": "Container", "default": {"example.com/gpu": "2"}, "defaultRequest": {"example.com/gpu": "1"}},
            f'{AT}.defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest'
            " value 1 in example.com/gpu",
        ),
        (
            {"type": "Pod", "max": {"cpu": "many"}},
            f'{AT}.max[cpu]: Invalid value: "many": quantities must match the regular expression'
            " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(item: dict[str, Any], why: str) -> None:
    assert found(item) == [why]


def test_each_type_is_there_once() -> None:
    assert found({"type": "Pod"}, {"type": "Pod"}) == ['spec.limits[1].type: Duplicate value: "Pod"']


def test_a_minimum_of_nothing_bounds_no_ratio() -> None:
    assert found({"type": "Pod", "maxLimitRequestRatio": {"cpu": "4"}, "min": {"cpu": "0"}, "max": {"cpu": "1"}}) == []


def test_a_change_is_held_to_the_same_rules() -> None:
    old = stored(limit_range({"type": "Pod"}))
    new = {**old, "spec": {"limits": [{"type": ""}]}}
    assert [line.split(":")[0] for line in lines(validate_update(LIMIT_RANGES, new, old))] == [f"{AT}.type"] * 2
    assert validate_update(LIMIT_RANGES, {**old, "spec": {}}, old) == []
