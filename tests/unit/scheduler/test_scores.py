"""The scores, one by one, and what they make of each other by their weights."""

from typing import Any

from podbay.scheduler.cycle import decide
from podbay.scheduler.scores import balanced_allocation, image_locality
from podbay.scheduler.snapshot import NodeState, needs_of
from tests.unit.scheduler.objects import node, pod, state

MIB = 1024 * 1024


def chosen(one: dict[str, Any], *states: NodeState) -> str:
    return decide(one, needs_of(one), states, min).node


def test_a_taint_that_asks_politely_is_heard_unless_it_is_tolerated() -> None:
    taint = {"key": "a", "value": "1", "effect": "PreferNoSchedule"}
    tainted, free = state(node("a", spec={"taints": [taint]})), state(node("b"), pod("x", cpu="2", memory="4Gi"))
    assert chosen(pod(), tainted, free) == "b"
    assert chosen(pod(tolerations=[{"key": "a", "operator": "Exists"}]), tainted, free) == "a"


def test_preferred_node_affinity_weighs_its_terms() -> None:
    def prefers(*pairs: tuple[int, str]) -> dict[str, Any]:
        terms = [
            {"weight": w, "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": [v]}]}}
            for w, v in pairs
        ]
        return pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}})

    states = [state(node("a", labels={"disk": "ssd"})), state(node("b", labels={"disk": "hdd"}))]
    assert chosen(prefers((1, "hdd")), *states) == "b"
    assert chosen(prefers((1, "hdd"), (2, "ssd")), *states) == "a"


def test_a_node_that_stays_in_balance_is_better() -> None:
    one = pod(cpu="1", memory="2Gi")
    even, uneven = state(node("a", cpu="4", memory="8Gi")), state(node("b", cpu="4", memory="4Gi"))
    assert balanced_allocation(one, needs_of(one), even) == 100
    assert balanced_allocation(one, needs_of(one), uneven) == 87
    assert balanced_allocation(pod(), needs_of(pod()), uneven) == 0


def test_an_image_that_is_there_counts_by_its_size_and_how_common_it_is() -> None:
    def with_image(name: str, size: int) -> NodeState:
        made = node(name)
        made["status"]["images"] = [{"names": ["docker.io/library/i:latest"], "sizeBytes": size}]
        return state(made)

    has, lacks = with_image("a", 523 * MIB * 2), state(node("b"))
    assert image_locality(pod(), [has, lacks], [has, lacks]) == [100 * 500 // 977, 0]
    small = with_image("a", 10 * MIB)
    assert image_locality(pod(), [small, lacks], [small, lacks]) == [0, 0]
    assert image_locality(pod(), [lacks], [lacks]) == [0]
