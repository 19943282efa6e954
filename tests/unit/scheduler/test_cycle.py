"""Decisions: the best node, or upstream's words for why there is none."""

from collections.abc import Sequence
from typing import Any

from podbay.scheduler.cycle import decide, unschedulable_condition
from podbay.scheduler.filters import Plugin
from podbay.scheduler.scores import least_allocated
from podbay.scheduler.snapshot import NodeState, needs_of
from tests.unit.scheduler.objects import node, pod, state


def decision(one: dict[str, Any], *states: NodeState) -> Any:
    return decide(one, needs_of(one), states, min)


def test_without_nodes_there_is_nothing_to_choose() -> None:
    assert decision(pod()).message == "no nodes available to schedule pods"


def test_a_pod_goes_to_the_node_with_most_left() -> None:
    busy, free = state(node("a"), pod("x", cpu="3", memory="1Gi")), state(node("b"))
    assert decision(pod(cpu="500m"), busy, free).node == "b"


def test_pods_without_requests_spread_too() -> None:
    assert decision(pod(), state(node("a"), pod("x")), state(node("b"))).node == "b"


def test_a_tie_is_left_to_chance() -> None:
    offered: list[Sequence[str]] = []

    def choose(names: Sequence[str]) -> str:
        offered.append(names)
        return names[-1]

    one = pod()
    assert decide(one, needs_of(one), [state(node("a")), state(node("b"))], choose).node == "b"
    assert offered == [["a", "b"]]


def test_the_score_is_the_mean_of_what_is_left_of_cpu_and_memory() -> None:
    one = pod(cpu="1", memory="2Gi")
    assert least_allocated(one, needs_of(one), state(node(cpu="4", memory="8Gi"))) == 75
    assert least_allocated(one, needs_of(one), state(node(cpu="2", memory="8Gi"))) == (50 + 75) // 2


def test_the_message_counts_nodes_by_reason_and_says_whether_preemption_could_help() -> None:
    tainted = {"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}
    full = pod("x", cpu="3")
    found = decision(pod(cpu="2"), state(node("a", spec=tainted)), state(node("b"), full), state(node("c"), full))
    assert found.message == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: },"
        " 2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling,"
        " 2 No preemption victims found for incoming pod."
    )
    assert found.refused_by == {Plugin.TAINT_TOLERATION, Plugin.NODE_RESOURCES_FIT}


def test_a_node_can_lack_several_things() -> None:
    assert decision(pod(cpu="5", memory="9Gi"), state(node())).message == (
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. preemption: 0/1 nodes are available:"
        " 1 Preemption is not helpful for scheduling."
    )


def test_a_pod_that_never_preempts_says_so() -> None:
    assert decision(pod(nodeSelector={"a": "b"}, preemptionPolicy="Never"), state(node())).message == (
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        " preemption: not eligible due to preemptionPolicy=Never."
    )


def test_the_condition_says_since_when_and_is_not_written_twice() -> None:
    one = pod()
    first = unschedulable_condition(one, "no room", "t1")
    assert first == {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "no room",
        "lastProbeTime": None,
        "lastTransitionTime": "t1",
    }
    one["status"] = {"conditions": [first]}
    assert unschedulable_condition(one, "no room", "t2") is None
    other = unschedulable_condition(one, "other", "t2")
    assert other is not None
    assert other["lastTransitionTime"] == "t1"
