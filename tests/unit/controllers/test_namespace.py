"""What a terminating namespace says about itself."""

from datetime import UTC, datetime
from typing import Any

from podbay.controllers.namespace import Remains, remaining_conditions

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def by_type(found: Remains, known: list[dict[str, Any]] | None = None) -> dict[str, tuple[str, str, str]]:
    conditions = remaining_conditions(known or [], found, NOW)
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in conditions}


def test_nothing_left_is_five_conditions_that_are_false() -> None:
    assert by_type(Remains()) == {
        "NamespaceDeletionDiscoveryFailure": (
            "False", "ResourcesDiscovered", "All resources successfully discovered",
        ),
        "NamespaceDeletionGroupVersionParsingFailure": (
            "False", "ParsedGroupVersions", "All legacy kube types successfully parsed",
        ),
        "NamespaceDeletionContentFailure": (
            "False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": ("False", "ContentRemoved", "All content successfully removed"),
        "NamespaceFinalizersRemaining": (
            "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished",
        ),
    }  # fmt: skip


def test_what_is_left_and_what_holds_it_is_counted() -> None:
    found = by_type(Remains(left={"pods.": 2, "leases.coordination.k8s.io": 1}, held={"example.com/hold": 2}))
    assert found["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: leases.coordination.k8s.io has 1 resource instances,"
        " pods. has 2 resource instances",
    )
    assert found["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances",
    )


def test_what_could_not_be_deleted_is_told() -> None:
    found = by_type(Remains(errors=["the server is busy"]))
    assert found["NamespaceDeletionContentFailure"] == (
        "True",
        "ContentDeletionFailed",
        "Failed to delete all resource types, 1 remaining: the server is busy",
    )


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    known = remaining_conditions([], Remains(left={"pods.": 2}), datetime(2025, 1, 1, tzinfo=UTC))
    times = {c["type"]: c["lastTransitionTime"] for c in remaining_conditions(known, Remains(), NOW)}
    assert times["NamespaceContentRemaining"] == "2026-01-01T12:00:00Z"
    assert times["NamespaceFinalizersRemaining"] == "2025-01-01T00:00:00Z"
