import pytest

from podbay.api import fields, resources
from podbay.api.selectors import parse_field_selector

POD = {
    "metadata": {"name": "p", "namespace": "ns"},
    "spec": {"nodeName": "n1", "restartPolicy": "Always", "hostNetwork": True},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.5"}]},
}


def test_a_pods_fields_are_text() -> None:
    values = fields.field_values(resources.PODS, POD)
    assert values["spec.hostNetwork"] == "true"
    assert values["status.podIP"] == "10.0.0.5"
    assert values["spec.schedulerName"] == ""


def test_every_kind_has_values_for_no_field_that_cannot_be_selected() -> None:
    for resource in resources.RESOURCES:
        assert set(fields.field_values(resource, {})) <= fields.selectable_fields(resource)


def test_the_old_name_of_a_pods_node_still_selects() -> None:
    selector = fields.converted(resources.PODS, parse_field_selector("spec.host=n1"))
    assert selector.matches(fields.field_values(resources.PODS, POD))


def test_an_unknown_field_is_refused_in_upstreams_words() -> None:
    with pytest.raises(ValueError, match=r"^field label not supported: spec\.foo$"):
        fields.converted(resources.PODS, parse_field_selector("spec.foo=1"))
    known = r'^"data" is not a known field selector: only "metadata\.name", "metadata\.namespace"$'
    with pytest.raises(ValueError, match=known):
        fields.converted(resources.CONFIG_MAPS, parse_field_selector("data=1"))


def test_an_events_source_is_its_reporter_if_it_has_none() -> None:
    assert fields.field_values(resources.EVENTS, {"reportingComponent": "kubelet"})["source"] == "kubelet"
    event = {"regarding": {"kind": "Pod"}, "reportingController": "kubelet"}
    assert fields.field_values(resources.EVENTS_V1, event)["regarding.kind"] == "Pod"
