from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.api.validation import validate_create
from tests.unit.api.validation.support import lines, pod

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ({"topologyKey": "zone"}, []),
        (
            {},
            [
                "topologyKey: Required value: can not be empty",
                'topologyKey: Invalid value: "": name part must be non-empty',
                "topologyKey: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', "
                "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', "
                "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ],
        ),
        (
            {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}},
            ['labelSelector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator'],
        ),
        (
            {"topologyKey": "zone", "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            [
                "namespaceSelector.matchExpressions[0].values: Required value: must be specified when `operator` is "
                "'In' or 'NotIn'"
            ],
        ),
        (
            {"topologyKey": "zone", "matchLabelKeys": ["a"]},
            ["matchLabelKeys: Forbidden: must not be specified when labelSelector is not set"],
        ),
        (
            {"topologyKey": "zone", "labelSelector": {}, "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"]},
            ['matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and mismatchLabelKeys'],
        ),
    ],
)
def test_a_term_of_pod_affinity(term: dict[str, Any], expected: list[str]) -> None:
    for kind in ("podAffinity", "podAntiAffinity"):
        path = f"spec.affinity.{kind}.{REQUIRED}[0]"
        found = lines(validate_create(PODS, pod({"affinity": {kind: {REQUIRED: [term]}}})))
        assert found == [f"{path}.{line}" for line in expected]


def test_a_key_that_the_selector_names_already() -> None:
    selector = {
        "matchLabels": {"a": "1"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}],  # the server's, from the pod's labels
    }
    term = {"topologyKey": "zone", "labelSelector": selector, "matchLabelKeys": ["a"]}
    found = lines(validate_create(PODS, pod({"affinity": {"podAffinity": {REQUIRED: [term]}}})))
    text = 'Invalid value: "a": exists in both matchLabelKeys and labelSelector'
    assert found == [f"spec.affinity.podAffinity.{REQUIRED}[0][0]: {text}"]


def test_a_weight_and_a_namespace() -> None:
    weighted = {"weight": 0, "podAffinityTerm": {"topologyKey": "zone", "namespaces": ["A"]}}
    found = lines(validate_create(PODS, pod({"affinity": {"podAffinity": {PREFERRED: [weighted]}}})))
    path = f"spec.affinity.podAffinity.{PREFERRED}[0]"
    assert found[0] == f"{path}.weight: Invalid value: 0: must be in the range 1-100"
    assert found[1].startswith(f'{path}.podAffinityTerm.namespace: Invalid value: "A": a lowercase RFC 1123 label')


GOOD: dict[str, Any] = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ({}, []),
        ({"maxSkew": 0}, ["maxSkew: Invalid value: 0: must be greater than zero"]),
        ({"topologyKey": ""}, ["topologyKey: Required value: can not be empty"]),
        (
            {"whenUnsatisfiable": "Never"},
            [
                'whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
            ],
        ),
        ({"minDomains": 0}, ["minDomains: Invalid value: 0: must be greater than zero"]),
        (
            {"minDomains": 2, "whenUnsatisfiable": "ScheduleAnyway"},
            [
                "minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, "
                "not ScheduleAnyway"
            ],
        ),
        (
            {"nodeTaintsPolicy": "Maybe"},
            ['nodeTaintsPolicy: Unsupported value: "Maybe": supported values: "Honor", "Ignore"'],
        ),
        (
            {"labelSelector": {"matchLabels": {"a": "1"}}, "matchLabelKeys": ["a"]},
            ['matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector'],
        ),
    ],
)
def test_a_spread_constraint(constraint: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod({"topologySpreadConstraints": [{**GOOD, **constraint}]})))
    assert found == [f"spec.topologySpreadConstraints[0].{line}" for line in expected]


def test_two_constraints_of_one_kind() -> None:
    found = lines(validate_create(PODS, pod({"topologySpreadConstraints": [GOOD, GOOD]})))
    path = "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}"
    assert found == [f'{path}: Duplicate value: "{{zone, DoNotSchedule}}"']
