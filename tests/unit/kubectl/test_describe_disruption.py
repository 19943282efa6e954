"""What describe says of a disruption budget."""

from datetime import UTC, datetime
from typing import Any

import pytest

from podbay.kubectl.describers.disruption import describe_budget

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "first", "selector"),
    [
        ({"minAvailable": 2, "selector": {"matchLabels": {"b": "2", "a": "1"}}}, "Min available:  2", "a=1,b=2"),
        ({"maxUnavailable": "30%"}, "Max unavailable:  30%", "<unset>"),
        ({"minAvailable": 0, "selector": {}}, "Min available:  0", "<none>"),
        (
            {
                "minAvailable": 1,
                "selector": {
                    "matchLabels": {"a": "1"},
                    "matchExpressions": [
                        {"key": "a", "operator": "In", "values": ["2"]},
                        {"key": "c", "operator": "DoesNotExist"},
                        {"key": "b", "operator": "In", "values": ["z", "y"]},
                    ],
                },
            },
            "Min available:  1",
            "a=1,a in (2),b in (y,z),!c",
        ),
    ],
)
def test_a_budget_is_described_as_upstream_does(spec: dict[str, Any], first: str, selector: str) -> None:
    counts = {"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 4}
    budget = {"metadata": {"name": "web", "namespace": "ns"}, "spec": spec, "status": counts}
    lines = describe_budget(budget, None, NOW).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Name:", "web"], ["Namespace:", "ns"], first.split(), ["Selector:", *selector.split()],
    ]  # fmt: skip
    assert lines[4:] == [
        "Status:",
        "    Allowed disruptions:  1",
        "    Current:              3",
        "    Desired:              2",
        "    Total:                4",
    ]
