"""What describe says of an object of a kind that has no description of its own."""

from datetime import UTC, datetime

import pytest

from podbay.kubectl.describers.anything import describe_anything, smart_label

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("creationTimestamp", "Creation Timestamp"),
        ("myUid", "My UID"),
        ("guid", "GUID"),
        ("cpu", "Cpu"),
        ("podIP", "Pod IP"),
        ("podCIDRs", "Pod CID Rs"),
        ("HTTPPath", "HTTP Path"),
        ("ephemeral-storage", "Ephemeral - Storage"),
        ("kubernetes.io/arch", "kubernetes.io/arch"),
        ("a1", "a1"),
    ],
)
def test_a_field_is_called_as_kubectl_calls_it(field: str, label: str) -> None:
    assert smart_label(field) == label


def test_an_object_outside_of_namespaces_has_an_empty_one() -> None:
    obj = {
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "quick"},
        "overhead": {"podFixed": {"cpu": "1m"}}, "scheduling": {"flags": [True, None, "a"]},
    }  # fmt: skip
    assert describe_anything(obj, None, NOW).splitlines() == [
        "Name:         quick",
        "Namespace:    ",
        "Labels:       <none>",
        "Annotations:  <none>",
        "API Version:  node.k8s.io/v1",
        "Kind:         RuntimeClass",
        "Metadata:",
        "Overhead:",
        "  Pod Fixed:",
        "    Cpu:  1m",
        "Scheduling:",
        "  Flags:",
        "    true",
        "    <nil>",
        "    a",
    ]
