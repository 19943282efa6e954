import copy
from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.resources import PRIORITY_CLASSES
from podbay.api.validation import validate_create, validate_update
from tests.unit.api.validation.support import lines, stored

RESERVED = "priority class names with 'system-' prefix are reserved for system use only. error: "


def made(name: str, value: int, **more: Any) -> dict[str, Any]:
    obj = {"metadata": {"name": name}, "value": value, **more}
    set_defaults(PRIORITY_CLASSES, obj)
    return obj


def test_a_class_preempts_unless_it_says_otherwise() -> None:
    assert made("high", 1)["preemptionPolicy"] == "PreemptLowerPriority"
    assert lines(validate_create(PRIORITY_CLASSES, made("high", 1_000_000_000, preemptionPolicy="Never"))) == []


def test_a_user_cannot_go_above_a_billion_nor_take_a_name_of_the_system() -> None:
    assert lines(validate_create(PRIORITY_CLASSES, made("high", 1_000_000_001))) == [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
    ]
    for name, value, more, problem in (
        ("system-mine", 1, {}, "system-mine is not a known system priority class"),
        ("system-node-critical", 1, {}, "value of system-node-critical PriorityClass must be 2000001000"),
        (
            "system-node-critical",
            2_000_001_000,
            {"globalDefault": True},
            "globalDefault of system-node-critical PriorityClass must be false",
        ),
    ):
        found = lines(validate_create(PRIORITY_CLASSES, made(name, value, **more)))
        assert found == [f"metadata.name: Forbidden: {RESERVED}{problem}"]


def test_a_policy_that_there_is_not() -> None:
    assert lines(validate_create(PRIORITY_CLASSES, made("a", 1, preemptionPolicy="Maybe"))) == [
        'preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"'
    ]


def test_value_and_policy_stay() -> None:
    old = stored(made("a", 1))
    new = copy.deepcopy(old) | {"value": 2, "preemptionPolicy": "Never", "description": "x", "globalDefault": True}
    assert lines(validate_update(PRIORITY_CLASSES, new, old)) == [
        "value: Forbidden: may not be changed in an update.",
        'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]
