"""What describe says of resource quotas, and of the namespace that has them."""

from datetime import UTC, datetime
from typing import Any

from podbay.kubectl.describers.namespaces import describe_namespace
from podbay.kubectl.describers.quotas import describe_quota

NOW = datetime(2025, 1, 1, tzinfo=UTC)
NAMESPACE = {"metadata": {"name": "ns"}, "status": {"phase": "Active"}}


def quota(*scopes: str) -> dict[str, Any]:
    hard = {"requests.memory": "2Gi", "pods": "5", "requests.cpu": "4"}
    return {
        "metadata": {"name": "team", "namespace": "ns"},
        "spec": {"hard": hard, "scopes": list(scopes)},
        "status": {"hard": hard, "used": {"pods": "1", "requests.cpu": "500m", "requests.memory": "1G"}},
    }


def test_a_quota_is_described_as_upstream_does() -> None:
    assert describe_quota(quota(), NOW).splitlines() == [
        "Name:            team",
        "Namespace:       ns",
        "Resource         Used        Hard",
        "--------         ----        ----",
        "pods             1           5",
        "requests.cpu     500m        4",
        "requests.memory  1000000000  2Gi",
    ]


def test_scopes_are_explained() -> None:
    told = describe_quota(quota("Terminating", "PriorityClass"), NOW).splitlines()
    assert told[2].split() == ["Scopes:", "PriorityClass,", "Terminating"]
    assert told[3].startswith(" * Matches all pods that have an active deadline.")
    assert told[4].split() == ["Resource", "Used", "Hard"]


def test_a_namespace_tells_of_its_quotas() -> None:
    told = [line.split() for line in describe_namespace(NAMESPACE, [quota("BestEffort")], [], NOW).splitlines()]
    at = told.index(["Resource", "Quotas"])
    assert told[at + 1 : at + 3] == [["Name:", "team"], ["Scopes:", "BestEffort"]]
    assert told[at + 4 : at + 7] == [["Resource", "Used", "Hard"], ["--------", "---", "---"], ["pods", "1", "5"]]
    assert ["No", "resource", "quota."] in [
        line.split() for line in describe_namespace(NAMESPACE, [], [], NOW).splitlines()
    ]
