"""Each filter: whom it refuses, in which words, and what could change its mind."""

from typing import Any

import pytest

from podbay.api.taints import tolerates
from podbay.scheduler.filters import Plugin, helps, refusal_of
from podbay.scheduler.snapshot import needs_of
from tests.unit.scheduler.objects import node, pod, state, with_terms


def reasons(one: dict[str, Any], of: dict[str, Any], *others: dict[str, Any]) -> tuple[str, ...]:
    refusal = refusal_of(one, needs_of(one), state(of, *others))
    return refusal.reasons if refusal else ()


def test_a_node_with_room_takes_a_pod() -> None:
    assert reasons(pod(), node()) == ()


def test_a_cordoned_node_takes_only_what_tolerates_it() -> None:
    cordoned = node(spec={"unschedulable": True})
    toleration = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}
    assert reasons(pod(), cordoned) == ("node(s) were unschedulable",)
    assert reasons(pod(tolerations=[toleration]), cordoned) == ()


def test_a_pod_that_names_its_node_goes_nowhere_else() -> None:
    assert reasons(pod(nodeName="n2"), node("n1")) == ("node(s) didn't match the requested node name",)
    assert reasons(pod(nodeName="n1"), node("n1")) == ()


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_a_taint_keeps_pods_away(effect: str) -> None:
    tainted = node(spec={"taints": [{"key": "dedicated", "value": "db", "effect": effect}]})
    assert reasons(pod(), tainted) == ("node(s) had untolerated taint {dedicated: db}",)
    assert reasons(pod(tolerations=[{"key": "dedicated", "value": "db"}]), tainted) == ()


def test_a_taint_without_value_is_told_with_an_empty_one() -> None:
    tainted = node(spec={"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]})
    assert reasons(pod(), tainted) == ("node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }",)


def test_a_taint_that_only_asks_keeps_nobody_away() -> None:
    assert reasons(pod(), node(spec={"taints": [{"key": "a", "effect": "PreferNoSchedule"}]})) == ()


TAINT = {"key": "a", "value": "1", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("toleration", "accepts"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "Equal", "value": "1"}, True),
        ({"key": "a", "value": "1", "effect": "NoSchedule"}, True),
        ({"key": "a", "value": "2"}, False),
        ({"key": "a"}, False),
        ({"key": "b", "operator": "Exists"}, False),
        ({"key": "a", "value": "1", "effect": "NoExecute"}, False),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_toleration_accepts_what_its_key_value_and_effect_say(toleration: dict[str, str], accepts: bool) -> None:
    assert tolerates(toleration, TAINT) is accepts


def test_a_node_selector_must_match_whole() -> None:
    gpu = node(labels={"gpu": "true"})
    told = ("node(s) didn't match Pod's node affinity/selector",)
    assert reasons(pod(nodeSelector={"gpu": "true"}), gpu) == ()
    assert reasons(pod(nodeSelector={"gpu": "true"}), node()) == told
    assert reasons(pod(nodeSelector={"gpu": "true", "zone": "a"}), gpu) == told


def test_one_of_the_affinitys_terms_must_match() -> None:
    zones = with_terms(
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
        {"matchExpressions": [{"key": "disk", "operator": "Exists"}]},
    )
    assert reasons(zones, node(labels={"zone": "a"})) == ()
    assert reasons(zones, node(labels={"disk": ""})) == ()
    assert reasons(zones, node(labels={"zone": "b"})) == ("node(s) didn't match Pod's node affinity/selector",)


def test_an_affinity_by_name_leaves_other_nodes_out_beforehand() -> None:
    named = with_terms({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]})
    assert reasons(named, node("n2")) == ()
    assert reasons(named, node("n1")) == ("node(s) didn't satisfy plugin(s) [NodeAffinity]",)


def test_selector_and_affinity_must_both_match() -> None:
    both = with_terms({"matchExpressions": [{"key": "zone", "operator": "Exists"}]})
    both["spec"]["nodeSelector"] = {"gpu": "true"}
    assert reasons(both, node(labels={"zone": "a"})) != ()
    assert reasons(both, node(labels={"zone": "a", "gpu": "true"})) == ()


def test_a_host_port_can_be_taken_once() -> None:
    told = ("node(s) didn't have free ports for the requested pod ports",)
    assert reasons(pod("b", host_port=80), node(), pod("a", host_port=80)) == told
    assert reasons(pod("b", host_port=81), node(), pod("a", host_port=80)) == ()


@pytest.mark.parametrize(
    ("address", "protocol", "collides"),
    [("127.0.0.1", "TCP", False), ("10.0.0.1", "TCP", True), ("", "TCP", True), ("10.0.0.1", "UDP", False)],
)
def test_host_ports_collide_on_one_address_and_protocol(address: str, protocol: str, collides: bool) -> None:
    taken, wanted = pod("a", host_port=80), pod("b", host_port=80)
    taken["spec"]["containers"][0]["ports"][0]["hostIP"] = "10.0.0.1"
    wanted["spec"]["containers"][0]["ports"][0] |= {"hostIP": address, "protocol": protocol}
    assert bool(reasons(wanted, node(), taken)) is collides


def test_what_is_missing_is_told_for_each_resource() -> None:
    assert reasons(pod(cpu="3", memory="6Gi"), node(), pod("a", cpu="2", memory="4Gi")) == (
        "Insufficient cpu",
        "Insufficient memory",
    )
    assert reasons(pod(), node(pods="1"), pod("a")) == ("Too many pods",)


def test_a_resource_that_the_node_does_not_have_is_missing() -> None:
    wanted = pod()
    wanted["spec"]["containers"][0]["resources"] = {"requests": {"example.com/gpu": "1"}}
    assert reasons(wanted, node()) == ("Insufficient example.com/gpu",)
    assert reasons(wanted, node(**{"example.com/gpu": "1"})) == ()


def test_preemption_could_help_only_where_the_empty_node_would_do() -> None:
    small = node(cpu="2")
    for cpu, preemptible in (("1500m", True), ("3", False)):
        wanted = pod(cpu=cpu)
        refusal = refusal_of(wanted, needs_of(wanted), state(small, pod("a", cpu="1")))
        assert refusal is not None
        assert refusal.preemptible is preemptible


def test_a_label_helps_only_a_pod_that_was_refused_for_labels() -> None:
    before, after = state(node()), state(node(labels={"gpu": "true"}))
    gpu, full = pod(nodeSelector={"gpu": "true"}), pod(cpu="100")
    assert helps({Plugin.NODE_AFFINITY}, gpu, needs_of(gpu), before, after)
    assert not helps({Plugin.NODE_RESOURCES_FIT}, full, needs_of(full), before, after)


def test_a_change_that_leaves_the_refusal_standing_does_not_help() -> None:
    before, after = state(node()), state(node(labels={"colour": "red"}))
    gpu = pod(nodeSelector={"gpu": "true"})
    assert not helps({Plugin.NODE_AFFINITY}, gpu, needs_of(gpu), before, after)


def test_a_change_on_a_node_that_was_fine_before_does_not_help() -> None:
    before, after = state(node(labels={"gpu": "true"})), state(node(labels={"gpu": "true", "a": "b"}))
    gpu = pod(nodeSelector={"gpu": "true"})
    assert not helps({Plugin.NODE_AFFINITY}, gpu, needs_of(gpu), before, after)


def test_a_new_node_helps_if_the_plugin_takes_it() -> None:
    gpu = pod(nodeSelector={"gpu": "true"})
    assert helps({Plugin.NODE_AFFINITY}, gpu, needs_of(gpu), None, state(node(labels={"gpu": "true"})))
    assert not helps({Plugin.NODE_AFFINITY}, gpu, needs_of(gpu), None, state(node()))


def test_everything_helps_a_pod_that_had_no_node_to_try() -> None:
    assert helps(frozenset(), pod(), needs_of(pod()), None, state(node()))
