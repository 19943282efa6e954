"""Pod affinity: with whom a pod wants to be, with whom not, and what the pods that run say to it."""

from typing import Any

from podbay.scheduler.cycle import Decision, decide
from podbay.scheduler.filters import Plugin
from podbay.scheduler.pod_affinity import pod_affinity_scores
from podbay.scheduler.snapshot import NodeState, needs_of
from tests.unit.scheduler.objects import node, pod, state

HOST = "kubernetes.io/hostname"
TOGETHER = "node(s) didn't match pod affinity rules"
APART = "node(s) didn't match pod anti-affinity rules"
LEFT_ALONE = "node(s) didn't satisfy existing pods anti-affinity rules"


def term(labels: dict[str, str], *, key: str = HOST, **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": labels}, **more}


def labelled(name: str, *, namespace: str = "default", labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    made = pod(name, **spec)
    made["metadata"] |= {"labels": labels, "namespace": namespace}
    return made


def required(kind: str, *terms: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def decided(one: dict[str, Any], *states: NodeState, namespaces: dict[str, dict[str, str]] | None = None) -> Decision:
    return decide(one, needs_of(one), states, min, lambda name: (namespaces or {}).get(name, {}))


def refused(one: dict[str, Any], *states: NodeState) -> str:
    found = decided(one, *states)
    assert found.refused_by == {Plugin.INTER_POD_AFFINITY}
    return found.message.partition(". preemption")[0]


def test_a_pod_goes_where_the_pod_is_that_it_wants_to_be_with() -> None:
    web = labelled("web", labels={"app": "web"}, affinity=required("podAffinity", term({"app": "db"})))
    db = labelled("db", labels={"app": "db"})
    assert decided(web, state(node("a")), state(node("b"), db)).node == "b"
    assert refused(web, state(node("a"))) == f"0/1 nodes are available: 1 {TOGETHER}"


def test_a_whole_zone_may_be_meant() -> None:
    web = labelled("web", labels={}, affinity=required("podAffinity", term({"app": "db"}, key="zone")))
    db = labelled("db", labels={"app": "db"}, cpu="3")
    here, there = node("a", labels={"zone": "1"}), node("b", labels={"zone": "1"})
    assert decided(web, state(node("c", labels={"zone": "2"})), state(here), state(there, db)).node == "a"
    assert refused(web, state(node("d"), db)) == f"0/1 nodes are available: 1 {TOGETHER}"


def test_the_first_of_a_group_that_wants_to_be_together_may_begin_it() -> None:
    one = labelled("one", labels={"app": "web"}, affinity=required("podAffinity", term({"app": "web"})))
    assert decided(one, state(node("a")), state(node("b"))).node == "a"
    other = labelled("other", labels={"app": "web"}, cpu="1")
    assert decided(one, state(node("a")), state(node("b"), other)).node == "b"


def test_every_term_must_be_met_by_the_same_pod() -> None:
    terms = (term({"app": "db"}), term({"tier": "gold"}))
    web = labelled("web", labels={}, affinity=required("podAffinity", *terms))
    db, gold = labelled("db", labels={"app": "db"}), labelled("gold", labels={"tier": "gold"})
    assert refused(web, state(node("a"), db, gold)) == f"0/1 nodes are available: 1 {TOGETHER}"
    assert decided(web, state(node("a"), labelled("both", labels={"app": "db", "tier": "gold"}))).node == "a"


def test_a_pod_keeps_away_from_what_it_wants_to_be_apart_from() -> None:
    web = labelled("web", labels={"app": "web"}, affinity=required("podAntiAffinity", term({"app": "web"})))
    other = labelled("other", labels={"app": "web"})
    assert decided(web, state(node("a"), other), state(node("b"))).node == "b"
    assert refused(web, state(node("a"), other)) == f"0/1 nodes are available: 1 {APART}"


def test_a_pod_that_wants_to_be_alone_is_left_alone() -> None:
    hermit = labelled("hermit", labels={}, affinity=required("podAntiAffinity", term({"app": "web"})))
    web = labelled("web", labels={"app": "web"})
    assert decided(web, state(node("a"), hermit), state(node("b"))).node == "b"
    assert refused(web, state(node("a"), hermit)) == f"0/1 nodes are available: 1 {LEFT_ALONE}"


def test_other_namespaces_are_meant_only_if_they_are_named_or_selected() -> None:
    db = labelled("db", namespace="data", labels={"app": "db"})
    there = state(node("a"), db)
    for more, found in (
        ({}, ""),
        ({"namespaces": ["data"]}, "a"),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, "a"),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}}, ""),
        ({"namespaceSelector": {}}, "a"),
    ):
        web = labelled("web", labels={}, affinity=required("podAffinity", term({"app": "db"}, **more)))
        assert decided(web, there, namespaces={"data": {"team": "x"}}).node == found, more


def scores(one: dict[str, Any], *states: NodeState) -> list[int]:
    return pod_affinity_scores(needs_of(one), states, states, lambda _: {})


def preferred(kind: str, weight: int, labels: dict[str, str]) -> dict[str, Any]:
    terms = [{"weight": weight, "podAffinityTerm": term(labels)}]
    return {kind: {"preferredDuringSchedulingIgnoredDuringExecution": terms}}


def test_preferred_terms_add_up_and_push_away() -> None:
    db = labelled("db", labels={"app": "db"})
    states = (state(node("a"), db), state(node("b")))
    assert scores(labelled("web", labels={}, affinity=preferred("podAffinity", 5, {"app": "db"})), *states) == [100, 0]
    apart = labelled("web", labels={}, affinity=preferred("podAntiAffinity", 5, {"app": "db"}))
    assert scores(apart, *states) == [0, 100]
    assert scores(labelled("web", labels={}), *states) == [0, 0]


def test_what_the_neighbours_prefer_counts_too() -> None:
    fond = labelled("fond", labels={}, affinity=preferred("podAffinity", 3, {"app": "web"}))
    bound = labelled("bound", labels={}, affinity=required("podAffinity", term({"app": "web"})))
    shy = labelled("shy", labels={}, affinity=preferred("podAntiAffinity", 3, {"app": "web"}))
    states = (state(node("a"), fond), state(node("b"), bound), state(node("c"), shy), state(node("d")))
    assert scores(labelled("web", labels={"app": "web"}), *states) == [100, 66, 0, 50]
