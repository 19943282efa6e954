"""Topology spread: how uneven a group may lie, whom it counts, and what it prefers."""

from typing import Any

from podbay.scheduler.cycle import Decision, decide
from podbay.scheduler.filters import Plugin
from podbay.scheduler.snapshot import NodeState, needs_of
from podbay.scheduler.topology_spread import spread_scores
from tests.unit.scheduler.objects import node, pod, state

UNEVEN = "node(s) didn't match pod topology spread constraints"


def web(name: str = "web", *, labels: dict[str, str] | None = None, **constraint: Any) -> dict[str, Any]:
    constraints = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
            **constraint,
        }
    ]
    made = pod(name, topologySpreadConstraints=constraints)
    made["metadata"]["labels"] = {"app": "web", **(labels or {})}
    return made


def zone(name: str, value: str, *pods: dict[str, Any], **changes: Any) -> NodeState:
    return state(node(name, labels={"zone": value}, **changes), *pods)


def decided(one: dict[str, Any], *states: NodeState) -> Decision:
    return decide(one, needs_of(one), states, min)


def test_the_emptier_zone_takes_the_next_pod() -> None:
    states = zone("a", "1", web("x"), web("y")), zone("b", "2", web("z"))
    assert decided(web(), *states).node == "b"


def test_a_zone_that_would_have_too_many_refuses() -> None:
    full = zone("b", "2", cpu="0", pods="0")
    found = decided(web(), zone("a", "1", web("x")), full)
    assert found.refused_by == {Plugin.POD_TOPOLOGY_SPREAD, Plugin.NODE_RESOURCES_FIT}
    assert f"1 {UNEVEN}" in found.message
    assert decided(web(maxSkew=2), zone("a", "1", web("x")), full).node == "a"


def test_a_node_without_the_key_is_out_and_said_so() -> None:
    found = decided(web(), state(node("a")))
    assert found.message.startswith(f"0/1 nodes are available: 1 {UNEVEN} (missing required label). preemption: ")
    assert "1 Preemption is not helpful for scheduling" in found.message


def test_pods_of_other_namespaces_others_and_those_that_end_do_not_count() -> None:
    elsewhere, other, ending = web("x"), web("y"), web("z")
    elsewhere["metadata"]["namespace"] = "other"
    other["metadata"]["labels"] = {"app": "db"}
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    states = zone("a", "1", elsewhere, other, ending), zone("b", "2", web("w"))
    assert decided(web(), *states).node == "a"


def test_fewer_domains_than_wanted_count_as_an_empty_one() -> None:
    only = zone("a", "1", web("x"))
    assert decided(web(), only).node == "a"
    assert decided(web(minDomains=2), only).refused_by == {Plugin.POD_TOPOLOGY_SPREAD}


def test_match_label_keys_count_only_pods_of_the_same_revision() -> None:
    old = web("x", labels={"revision": "1"})
    new = web(labels={"revision": "2"}, matchLabelKeys=["revision"])
    states = zone("a", "1", old), zone("b", "2", web("y", labels={"revision": "2"}))
    assert decided(new, *states).node == "a"


def test_nodes_that_the_pod_cannot_go_to_count_or_not_as_the_policies_say() -> None:
    taint = {"taints": [{"key": "t", "effect": "NoSchedule"}]}
    states = zone("a", "1", web("x")), zone("b", "2", spec=taint)
    assert decided(web(), *states).node == ""
    assert decided(web(nodeTaintsPolicy="Honor"), *states).node == "a"
    one, other = zone("a", "1", web("x")), zone("b", "2")
    picky = web()
    picky["spec"] = {**picky["spec"], "nodeSelector": {"zone": "1"}}
    assert decided(picky, one, other).node == "a"
    picky["spec"]["topologySpreadConstraints"][0]["nodeAffinityPolicy"] = "Ignore"
    assert decided(picky, one, other).node == ""


def test_soft_constraints_only_prefer() -> None:
    one = web(whenUnsatisfiable="ScheduleAnyway")
    states = zone("a", "1", web("x"), web("y")), zone("b", "2", web("z")), state(node("c"))
    assert spread_scores(one, needs_of(one), states, states) == [33, 100, 0]
    assert spread_scores(one, needs_of(one), states[2:], states[2:]) == [0]
    assert decided(one, states[0]).node == "a"
