"""Preemption: who has to go, on which node, and why it sometimes does not help."""

from typing import Any

from podbay.scheduler.cycle import Decision, decide
from podbay.scheduler.snapshot import NodeState, needs_of
from tests.unit.scheduler.objects import node, pod, state

NONE = "0/1 nodes are available: 1 Insufficient cpu. preemption: "


def running(name: str, priority: int, *, cpu: str = "1", started: str = "", **metadata: Any) -> dict[str, Any]:
    made = pod(name, cpu=cpu, priority=priority)
    made["metadata"] |= metadata
    made["status"] = {"startTime": started} if started else {}
    return made


def decided(one: dict[str, Any], *states: NodeState) -> Decision:
    return decide(one, needs_of(one), states, min)


def chosen(one: dict[str, Any], *states: NodeState) -> tuple[str, list[str]]:
    found = decided(one, *states).preempt
    assert found is not None
    return found.node, sorted(key.removeprefix("default/") for key in found.victims)


def full(name: str, *pods: dict[str, Any], cpu: str = "2") -> NodeState:
    return state(node(name, cpu=cpu), *pods)


HIGH = pod("high", cpu="1", priority=100)


def test_a_pod_of_lower_priority_makes_room_and_the_message_says_nothing_of_it() -> None:
    states = full("a", running("low", 1), running("equal", 100))
    assert chosen(HIGH, states) == ("a", ["low"])
    assert decided(HIGH, states).message == "0/1 nodes are available: 1 Insufficient cpu."


def test_nobody_of_equal_priority_has_to_go() -> None:
    found = decided(HIGH, full("a", running("x", 100), running("y", 100)))
    assert found.preempt is None
    assert found.message == f"{NONE}0/1 nodes are available: 1 No preemption victims found for incoming pod."


def test_eviction_that_would_not_help_is_not_tried() -> None:
    found = decided(HIGH, full("a", running("low", 1, cpu="500m"), running("big", 100, cpu="1500m")))
    assert found.preempt is None
    assert found.message == f"{NONE}0/1 nodes are available: 1 Insufficient cpu."
    picky = pod("high", cpu="1", priority=100, nodeSelector={"gpu": "yes"})
    assert decided(picky, full("a", running("low", 1))).preempt is None


def test_no_more_go_than_must_and_the_important_stay() -> None:
    pods = running("a", 3), running("b", 1), running("c", 2)
    assert chosen(HIGH, full("n", *pods, cpu="3")) == ("n", ["b"])
    alike = running("old", 1, started="2026-01-01T00:00:00Z"), running("new", 1, started="2026-01-02T00:00:00Z")
    assert chosen(HIGH, full("n", *alike)) == ("n", ["new"])


def test_the_node_with_the_least_important_victims_is_chosen() -> None:
    assert chosen(HIGH, full("a", running("x", 5, cpu="2")), full("b", running("y", 2, cpu="2"))) == ("b", ["y"])
    few, many = full("a", running("x", 1, cpu="2")), full("b", running("y", 1, cpu="2"), cpu="2")
    both = full("c", running("p", 1, cpu="1500m"), running("q", 1, cpu="1500m"), cpu="3")
    big = pod("high", cpu="2", priority=100)
    assert chosen(big, both, few)[0] == "a"
    assert chosen(HIGH, many, few)[0] == "b"
    old = full("a", running("x", 1, cpu="2", started="2026-01-01T00:00:00Z"))
    new = full("b", running("y", 1, cpu="2", started="2026-01-02T00:00:00Z"))
    assert chosen(HIGH, old, new)[0] == "b"


def test_a_pod_that_never_preempts_says_so() -> None:
    polite = pod("high", cpu="1", priority=100, preemptionPolicy="Never")
    found = decided(polite, full("a", running("low", 1, cpu="2")))
    assert found.preempt is None
    assert found.message == f"{NONE}not eligible due to preemptionPolicy=Never."


def test_a_pod_waits_for_the_victims_that_are_ending_already() -> None:
    waiting = {**HIGH, "status": {"nominatedNodeName": "a"}}
    ending = running("low", 1, cpu="2", deletionTimestamp="2026-01-01T00:00:00Z")
    found = decided(waiting, full("a", ending))
    assert found.preempt is None
    assert found.message == f"{NONE}not eligible due to terminating pod on the nominated node."
    assert not found.gives_up


def test_a_nominated_node_that_fits_is_taken_even_if_another_is_better() -> None:
    waiting = {**HIGH, "status": {"nominatedNodeName": "a"}}
    assert decided(waiting, full("a", running("x", 1)), full("b")).node == "a"
    assert decided(waiting, full("a", running("x", 100, cpu="2"))).gives_up


def test_a_promise_that_was_never_written_down_is_given_up_too() -> None:
    """The eviction may have failed before the status told of it: the room must not be kept for ever."""
    assert decided(HIGH, full("a", running("x", 100, cpu="2"))).gives_up
    polite = pod("high", cpu="1", priority=100, preemptionPolicy="Never")
    assert decided(polite, full("a", running("low", 1, cpu="2"))).gives_up


def test_what_keeps_a_pod_apart_can_be_evicted() -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    web, other = pod("web", priority=100, affinity=apart), running("other", 1, labels={"app": "web"})
    assert chosen(web, full("a", other, running("bystander", 1, cpu="100m"))) == ("a", ["other"])


def test_what_the_host_port_is_taken_by_can_be_evicted() -> None:
    holder = pod("holder", host_port=80, priority=1)
    assert chosen(pod("web", host_port=80, priority=100), full("a", holder)) == ("a", ["holder"])
