"""The rules of disruption budgets and of their status."""

from typing import Any

import pytest

from podbay.api.resources import POD_DISRUPTION_BUDGETS
from podbay.api.validation import validate_create, validate_status_update, validate_update

PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for"
    " validation is '[0-9]+%')"
)
CONDITION = {
    "type": "DisruptionAllowed",
    "status": "True",
    "reason": "SufficientPods",
    "message": "",
    "lastTransitionTime": "2025-01-01T00:00:00Z",
}


def budget(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "ns"}, "spec": spec}


def found(**spec: Any) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate_create(POD_DISRUPTION_BUDGETS, budget(**spec))]


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"minAvailable": 0},
        {"minAvailable": "100%", "selector": {}},
        {"maxUnavailable": 3, "selector": {"matchLabels": {"app": "web"}}},
        {"maxUnavailable": "0%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
        {"unhealthyPodEvictionPolicy": "IfHealthyBudget"},
    ],
)
def test_what_a_budget_may_say(spec: dict[str, Any]) -> None:
    assert found(**spec) == []


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"minAvailable": -1}, "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"),
        ({"maxUnavailable": -2}, "spec.maxUnavailable: Invalid value: -2: must be greater than or equal to 0"),
        (
            {"minAvailable": "half"},
            f'spec.minAvailable: Invalid value: intstr.IntOrString{{Type:1, IntVal:0, StrVal:"half"}}: {PERCENT}',
        ),
        (
            {"maxUnavailable": "101%"},
            'spec.maxUnavailable: Invalid value: intstr.IntOrString{Type:1, IntVal:0, StrVal:"101%"}: must not be'
            " greater than 100%",
        ),
        (
            {"minAvailable": 1, "maxUnavailable": 1},
            'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both'
            " set",
        ),
        (
            {"unhealthyPodEvictionPolicy": "Never"},
            'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow",'
            ' "IfHealthyBudget"',
        ),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
            "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or"
            " 'NotIn'",
        ),
    ],
)
def test_what_a_budget_may_not_say(spec: dict[str, Any], why: str) -> None:
    assert found(**spec) == [why]
    old = {**budget(), "metadata": {"name": "web", "namespace": "ns", "resourceVersion": "1"}}
    new = {**budget(**spec), "metadata": old["metadata"]}
    assert [f"{c.field}: {c.message}" for c in validate_update(POD_DISRUPTION_BUDGETS, new, old)] == [why]


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ({"conditions": [CONDITION]}, []),
        ({"disruptionsAllowed": -1, "expectedPods": -1}, ["status.disruptionsAllowed", "status.expectedPods"]),
        ({"conditions": [CONDITION, CONDITION]}, ["status.conditions[1].type"]),
        ({"conditions": [{**CONDITION, "status": "Perhaps"}]}, ["status.conditions[0].status"]),
        ({"conditions": [{**CONDITION, "reason": ""}]}, ["status.conditions[0].reason"]),
        ({"conditions": [{**CONDITION, "reason": "two words"}]}, ["status.conditions[0].reason"]),
        ({"conditions": [{**CONDITION, "observedGeneration": -1}]}, ["status.conditions[0].observedGeneration"]),
        ({"conditions": [{**CONDITION, "lastTransitionTime": None}]}, ["status.conditions[0].lastTransitionTime"]),
        ({"conditions": [{**CONDITION, "message": "x" * 40000}]}, ["status.conditions[0].message"]),
    ],
)
def test_what_a_status_may_say(status: dict[str, Any], fields: list[str]) -> None:
    old = {**budget(), "metadata": {"name": "web", "namespace": "ns", "resourceVersion": "1"}}
    causes = validate_status_update(POD_DISRUPTION_BUDGETS, {**old, "status": status}, old)
    assert [cause.field for cause in causes] == fields
