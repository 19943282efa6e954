"""The rules of resource quotas and of their status."""

from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import RESOURCE_QUOTAS
from podbay.api.validation import validate_create, validate_status_update, validate_update
from podbay.api.warnings import warnings_on_create, warnings_on_update
from tests.unit.api.validation.support import lines, stored

SELECTOR = "spec.scopeSelector.matchExpressions"


def quota(hard: dict[str, str] | None = None, *scopes: str, **spec: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"hard": hard or {}, **({"scopes": list(scopes)} if scopes else {}), **spec}
    return {"metadata": {"name": "q", "namespace": "ns"}, "spec": given}


def selecting(hard: dict[str, str], *expressions: tuple[str, ...]) -> dict[str, Any]:
    long = [
        {"scopeName": name, "operator": operator, **({"values": list(values)} if values else {})}
        for name, operator, *values in expressions
    ]
    return quota(hard, scopeSelector={"matchExpressions": long})


def test_what_a_quota_may_limit() -> None:
    hard = {
        "pods": "5", "cpu": "1", "requests.memory": "1Gi", "limits.ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi",
        "requests.hugepages-1Gi": "1Gi", "requests.storage": "5Gi", "services.nodeports": "0", "configmaps": "9",
        "count/leases.coordination.k8s.io": "3", "requests.example.com/gpu": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    }  # fmt: skip
    assert validate_create(RESOURCE_QUOTAS, quota(hard)) == []
    of_pods = {"pods": "1", "limits.cpu": "1", "count/pods": "1"}
    assert validate_create(RESOURCE_QUOTAS, quota(of_pods, "NotBestEffort", "Terminating")) == []
    chosen = selecting(of_pods, ("PriorityClass", "In", "high"), ("CrossNamespacePodAffinity", "Exists"))
    assert validate_create(RESOURCE_QUOTAS, chosen) == []


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (
            quota({"storage": "1"}),
            'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
        ),
        (quota({"pods": "-1"}), 'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'),
        (quota({"pods": "1500m"}), 'spec.hard[pods]: Invalid value: "1500m": must be an integer'),
        (quota({}, "Odd"), 'spec.scopes: Invalid value: ["Odd"]: unsupported scope'),
        (
            quota({"requests.storage": "1"}, "Terminating"),
            'spec.scopes: Invalid value: ["Terminating"]: unsupported scope applied to resource',
        ),
        (
            quota({"cpu": "1"}, "BestEffort"),
            'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
        ),
        (
            quota({"pods": "1"}, "Terminating", "NotTerminating"),
            'spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
        ),
        (
            selecting({}, ("Odd", "Exists")),
            f'{SELECTOR}.scopeName: Invalid value: "Odd": unsupported scope',
        ),
        (
            selecting({"cpu": "1"}, ("BestEffort", "Exists")),
            f'{SELECTOR}: Invalid value: {{"MatchExpressions":[{{"ScopeName":"BestEffort","Operator":"Exists",'
            '"Values":null}]}: unsupported scope applied to resource',
        ),
        (
            selecting({}, ("BestEffort", "DoesNotExist")),
            f"{SELECTOR}.operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is any of"
            " ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort,"
            " ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
        (
            selecting({}, ("PriorityClass", "In")),
            f"{SELECTOR}.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for"
            " scope selector",
        ),
        (
            selecting({}, ("PriorityClass", "Exists", "high")),
            f"{SELECTOR}.values: Invalid value: [\"high\"]: must be no value when `operator` is 'Exist' or"
            " 'DoesNotExist' for scope selector",
        ),
        (
            selecting({}, ("PriorityClass", "Like")),
            f'{SELECTOR}.operator: Invalid value: "Like": not a valid selector operator',
        ),
        (
            selecting({}, ("BestEffort", "Exists"), ("NotBestEffort", "Exists")),
            f"{SELECTOR}: Invalid value: null: conflicting scopes",
        ),
    ],
)
def test_what_a_quota_may_not_say(obj: dict[str, Any], why: str) -> None:
    assert lines(validate_create(RESOURCE_QUOTAS, obj)) == [why]


def test_a_name_that_nobody_knows_is_told_twice() -> None:
    assert lines(validate_create(RESOURCE_QUOTAS, quota({"nonsense": "1"}))) == [
        'spec.hard[nonsense]: Invalid value: "nonsense": must be a standard resource type or fully qualified',
        'spec.hard[nonsense]: Invalid value: "nonsense": must be a standard resource for quota',
    ]


def test_scopes_stay_and_limits_may_change() -> None:
    old = stored(quota({"pods": "1"}, "Terminating", "NotBestEffort"))
    turned = {**old, "spec": {"hard": {"pods": "2"}, "scopes": ["NotBestEffort", "Terminating"]}}
    assert validate_update(RESOURCE_QUOTAS, turned, old) == []
    without = {**old, "spec": {"hard": {"pods": "1"}}}
    assert lines(validate_update(RESOURCE_QUOTAS, without, old)) == [
        "spec.scopes: Invalid value: null: field is immutable"
    ]


def test_a_status_is_held_to_the_rules_of_amounts() -> None:
    old = stored(quota({"pods": "1"}))
    new = {**old, "status": {"hard": {"pods": "1"}, "used": {"pods": "-1"}}}
    assert lines(validate_status_update(RESOURCE_QUOTAS, new, old)) == [
        'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0'
    ]


def test_amounts_are_rounded_wherever_they_are() -> None:
    made = quota({"cpu": "0.0005"})
    made["status"] = {"hard": {"cpu": "0.5"}, "used": {"cpu": "0.1"}}
    set_defaults(RESOURCE_QUOTAS, made)
    assert made["spec"]["hard"] == {"cpu": "1m"}
    assert made["status"] == {"hard": {"cpu": "500m"}, "used": {"cpu": "100m"}}


def test_more_requests_than_limits_are_warned_of_when_a_quota_is_made() -> None:
    odd = quota({"cpu": "2", "limits.cpu": "1", "requests.storage": "5Gi", "requests.memory": "1Gi"})
    warning = "ResourceQuota cpu (2) should be less than limits.cpu (1)"
    assert warnings_on_create(RESOURCE_QUOTAS, odd) == [warning]
    assert warnings_on_update(RESOURCE_QUOTAS, odd, odd) == []
