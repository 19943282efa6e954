"""What describe says of limit ranges, and of the namespace that has them."""

from datetime import UTC, datetime

from podbay.kubectl.describers.limit_ranges import describe_limit_range
from podbay.kubectl.describers.namespaces import describe_namespace

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LIMITS = {
    "metadata": {"name": "limits", "namespace": "ns"},
    "spec": {
        "limits": [
            {"type": "Pod", "max": {"cpu": "2", "memory": "1Gi"}},
            {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "500m"}, "min": {"cpu": "100m"}},
        ]
    },
}


def test_a_limit_range_is_described_as_upstream_does() -> None:
    assert describe_limit_range(LIMITS, NOW).splitlines() == [
        "Name:       limits",
        "Namespace:  ns",
        "Type        Resource  Min   Max  Default Request  Default Limit  Max Limit/Request Ratio",
        "----        --------  ---   ---  ---------------  -------------  -----------------------",
        "Pod         cpu       -     2    -                -              -",
        "Pod         memory    -     1Gi  -                -              -",
        "Container   cpu       100m  -    500m             1              -",
    ]


def test_a_namespace_tells_of_its_limit_ranges() -> None:
    namespace = {"metadata": {"name": "ns"}, "status": {"phase": "Active"}}
    told = describe_namespace(namespace, [], [LIMITS], NOW).splitlines()
    at = told.index("Resource Limits")
    assert told[at + 1].split() == [
        "Type", "Resource", "Min", "Max", "Default", "Request", "Default", "Limit", "Max", "Limit/Request", "Ratio",
    ]  # fmt: skip
    assert [line.split()[:2] for line in told[at + 3 :]] == [["Pod", "cpu"], ["Pod", "memory"], ["Container", "cpu"]]
    assert describe_namespace(namespace, [], [], NOW).splitlines()[-2:] == ["", "No LimitRange resource."]
