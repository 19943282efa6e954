"""Which pods the scopes of a quota are about."""

from typing import Any

import pytest

from podbay.api.quotas.scopes import matches_scopes
from podbay.api.resources import CONFIG_MAPS, PODS

ELSEWHERE = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"namespaces": ["other"]}]}}
PREFERRED = [{"weight": 1, "podAffinityTerm": {"namespaceSelector": {}}}]
ANYWHERE = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": PREFERRED}}
HERE = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}], **spec}}


def sized() -> dict[str, Any]:
    return pod(containers=[{"name": "c", "resources": {"requests": {"cpu": "1"}}}])


def of_class(operator: str, *values: str) -> dict[str, Any]:
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [expression]}}


@pytest.mark.parametrize(
    ("spec", "obj", "matches"),
    [
        ({}, pod(), True),
        ({"scopes": ["Terminating"]}, pod(activeDeadlineSeconds=0), True),
        ({"scopes": ["Terminating"]}, pod(), False),
        ({"scopes": ["NotTerminating"]}, pod(), True),
        ({"scopes": ["BestEffort"]}, pod(), True),
        ({"scopes": ["BestEffort"]}, sized(), False),
        ({"scopes": ["NotBestEffort"]}, sized(), True),
        ({"scopes": ["NotBestEffort", "Terminating"]}, sized(), False),
        ({"scopes": ["PriorityClass"]}, pod(priorityClassName="high"), True),
        ({"scopes": ["PriorityClass"]}, pod(), False),
        (of_class("In", "high", "low"), pod(priorityClassName="low"), True),
        (of_class("In", "high"), pod(priorityClassName="low"), False),
        (of_class("NotIn", "high"), pod(priorityClassName="low"), True),
        (of_class("NotIn", "high"), pod(), True),
        (of_class("DoesNotExist"), pod(), True),
        (of_class("DoesNotExist"), pod(priorityClassName="low"), False),
        (of_class("Exists"), pod(priorityClassName="low"), True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, pod(affinity=ELSEWHERE), True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, pod(affinity=ANYWHERE), True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, pod(affinity=HERE), False),
        ({"scopes": ["CrossNamespacePodAffinity"]}, pod(), False),
        ({"scopes": ["Unheard"]}, pod(), False),
    ],
)
def test_which_pods_match(spec: dict[str, Any], obj: dict[str, Any], matches: bool) -> None:
    assert matches_scopes({"spec": spec}, PODS, obj) is matches


def test_only_pods_have_scopes() -> None:
    assert matches_scopes({"spec": {}}, CONFIG_MAPS, {"metadata": {"name": "m"}})
    assert not matches_scopes({"spec": {"scopes": ["NotTerminating"]}}, CONFIG_MAPS, {"metadata": {"name": "m"}})
