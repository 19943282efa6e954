import copy
from typing import Any

from podbay.api.resources import PODS
from podbay.api.validation import validate_create, validate_update
from tests.unit.api.validation.support import lines, pod, stored

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
GATES = [{"name": "example.com/a"}]


def changed(before: dict[str, Any], **spec: Any) -> list[str]:
    new = copy.deepcopy(before)
    new["spec"] |= spec
    return lines(validate_update(PODS, new, before))


def test_a_gate_has_a_qualified_name_and_is_there_once() -> None:
    assert lines(validate_create(PODS, pod({"schedulingGates": GATES}))) == []
    twice = lines(validate_create(PODS, pod({"schedulingGates": GATES * 2})))
    assert twice == ['spec.schedulingGates[1]: Duplicate value: "example.com/a"']
    bad = lines(validate_create(PODS, pod({"schedulingGates": [{"name": "a b"}]})))
    assert bad[0].startswith('spec.schedulingGates[0]: Invalid value: "a b": name part must consist of')


def test_a_gated_pod_names_no_node() -> None:
    found = lines(validate_create(PODS, pod({"schedulingGates": GATES, "nodeName": "n"})))
    assert found == ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]


def test_a_gate_can_be_taken_away_and_not_added() -> None:
    gated = stored(pod({"schedulingGates": GATES}))
    assert changed(gated, schedulingGates=[]) == []
    added = changed(gated, schedulingGates=[*GATES, {"name": "b"}])
    assert added == ["spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'b'"]


def test_a_gated_pods_choice_of_nodes_can_become_narrower() -> None:
    gated = stored(pod({"schedulingGates": GATES, "nodeSelector": {"a": "1"}}))
    assert changed(gated, nodeSelector={"a": "1", "b": "2"}) == []
    detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    assert changed(gated, nodeSelector={"b": "2"}) == [f'spec.nodeSelector: Invalid value: {{"b":"2"}}: {detail}']
    open_ = stored(pod({"nodeSelector": {"a": "1"}}))
    assert changed(open_, nodeSelector={"a": "1", "b": "2"})[0].startswith("spec: Forbidden: pod updates may not")


def test_so_can_its_required_node_affinity() -> None:
    def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
        return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}}

    one, two = {"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}
    gated = stored(pod({"schedulingGates": GATES, "affinity": affinity({"matchExpressions": [one]})}))
    assert changed(gated, affinity=affinity({"matchExpressions": [one, two]})) == []
    path = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms"
    (replaced,) = changed(gated, affinity=affinity({"matchExpressions": [two]}))
    assert replaced.startswith(f"{path}[0]: Invalid value: ")
    assert replaced.endswith(": only additions are allowed (no mutations or deletions)")
    (longer,) = changed(gated, affinity=affinity({"matchExpressions": [one]}, {"matchExpressions": [two]}))
    assert longer.startswith(f"{path}: Invalid value: ")
    assert longer.endswith(": no additions/deletions to non-empty NodeSelectorTerms list are allowed")
