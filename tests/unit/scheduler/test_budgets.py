"""Whose eviction would break a disruption budget."""

from typing import Any

from podbay.scheduler.budgets import violating
from podbay.scheduler.snapshot import PodNeeds

APP = {"matchLabels": {"app": "web"}}


def needs(namespace: str = "ns", **labels: str) -> PodNeeds:
    return PodNeeds(
        requests={}, non_zero_milli_cpu=0, non_zero_memory_bytes=0, host_ports=frozenset(), namespace=namespace,
        labels=labels,
    )  # fmt: skip


def budget(left: int, selector: dict[str, Any] | None = APP, **status: Any) -> dict[str, Any]:
    spec = {} if selector is None else {"selector": selector}
    return {"metadata": {"namespace": "ns"}, "spec": spec, "status": {"disruptionsAllowed": left, **status}}


PODS = {
    "ns/a": needs(app="web"),
    "ns/b": needs(app="web"),
    "ns/c": needs(app="db"),
    "other/d": needs("other", app="web"),
}


def test_the_first_ones_are_within_what_is_left() -> None:
    assert violating(PODS, [budget(0)]) == {"ns/a", "ns/b"}
    assert violating(PODS, [budget(1)]) == {"ns/b"}
    assert violating(PODS, [budget(2)]) == frozenset()


def test_who_was_granted_is_no_violation_and_costs_nothing() -> None:
    assert violating(PODS, [budget(0, disruptedPods={"a": "2025-01-01T00:00:00Z"})]) == {"ns/b"}


def test_a_budget_that_selects_nothing_or_everything_is_about_nobody() -> None:
    assert violating(PODS, [budget(0, None), budget(0, {})]) == frozenset()
