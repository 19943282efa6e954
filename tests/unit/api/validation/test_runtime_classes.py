from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.resources import RUNTIME_CLASSES
from podbay.api.validation import validate_create, validate_update
from podbay.api.warnings import warnings_on_create, warnings_on_update
from tests.unit.api.validation.support import lines


def made(handler: str = "crun", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "c"},
        "handler": handler,
        **more,
    }


def test_a_class_with_overhead_and_scheduling_is_right() -> None:
    scheduling = {"nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}]}
    overhead = {"podFixed": {"cpu": "10m", "memory": "1Mi"}}
    assert lines(validate_create(RUNTIME_CLASSES, made(overhead=overhead, scheduling=scheduling))) == []


def test_a_handler_is_a_label_and_is_needed() -> None:
    (told,) = lines(validate_create(RUNTIME_CLASSES, made("My Handler")))
    assert told.startswith('handler: Invalid value: "My Handler": a lowercase RFC 1123 label must consist of')
    assert lines(validate_create(RUNTIME_CLASSES, made("")))[0].startswith('handler: Invalid value: ""')


def test_overhead_and_scheduling_have_their_rules() -> None:
    overhead = {"podFixed": {"cpu": "-1"}}
    scheduling = {"nodeSelector": {"a b": "c"}, "tolerations": [{"key": "k", "operator": "Maybe"}]}
    told = lines(validate_create(RUNTIME_CLASSES, made(overhead=overhead, scheduling=scheduling)))
    paths = [line.partition(":")[0] for line in told]
    assert paths == ["overhead.limits[cpu]", "scheduling.nodeSelector", "scheduling.tolerations[0].operator"]


def test_a_handler_stays() -> None:
    old = made("runc")
    new = made("crun")
    old["metadata"] = new["metadata"] = {"name": "c", "resourceVersion": "1"}
    assert lines(validate_update(RUNTIME_CLASSES, new, old)) == ['handler: Invalid value: "crun": field is immutable']


def test_a_change_keeps_to_the_rules_of_a_new_class() -> None:
    old, new = made("runc"), made("runc", overhead={"podFixed": {"cpu": "-1"}})
    old["metadata"] = new["metadata"] = {"name": "c", "resourceVersion": "1"}
    assert [cause.field for cause in validate_update(RUNTIME_CLASSES, new, old)] == ["overhead.limits[cpu]"]


def test_an_overhead_is_rounded_up_to_thousandths() -> None:
    obj = made("runc", overhead={"podFixed": {"cpu": "10.5m"}})
    set_defaults(RUNTIME_CLASSES, obj)
    assert obj["overhead"] == {"podFixed": {"cpu": "11m"}}


def test_old_node_labels_are_warned_about() -> None:
    obj = made("runc", scheduling={"nodeSelector": {"beta.kubernetes.io/os": "linux"}})
    expected = ['scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead']
    assert warnings_on_create(RUNTIME_CLASSES, obj) == expected
    assert warnings_on_update(RUNTIME_CLASSES, obj, made("runc")) == expected
