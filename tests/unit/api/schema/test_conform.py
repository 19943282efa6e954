"""Bodies take the shape of their kind; the messages are those of upstream's decoder for the same body."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbay.api import schema
from podbay.api.resources import RESOURCES
from podbay.api.schema.conform import WrongType, conform

POD = schema.definition("v1", "Pod")
NODE = schema.definition("v1", "Node")


def pod(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", **metadata}, "spec": spec}


def container(**fields: Any) -> dict[str, Any]:
    return pod({"containers": [{"name": "c", **fields}]})


def cleaned_container(**fields: Any) -> dict[str, Any]:
    found, unknown = conform(container(**fields), POD)
    assert unknown == []
    (only,) = found["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_unknown_fields_are_dropped_and_told_by_path() -> None:
    obj = pod(
        {"containers": [{"name": "a"}, {"name": "c", "imag": "x", "ports": [{"containerPort": 1, "x": 1}]}], "foo": {}},
        labels={"any": "label"},
        nam="x",
    )
    found, unknown = conform({**obj, "extra": 1}, POD)
    assert unknown == ["metadata.nam", "spec.containers[1].imag", "spec.containers[1].ports[0].x", "spec.foo", "extra"]
    assert "extra" not in found
    assert found["metadata"] == {"name": "p", "labels": {"any": "label"}}


def test_no_more_than_a_hundred_unknown_fields_are_told() -> None:
    assert len(conform({f"x{i}": 1 for i in range(150)}, POD)[1]) == 100


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            {"spec": "x"},
            "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
        ),
        (
            pod({"containers": {}}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            container(image=3),
            "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string",
        ),
        (
            container(imagePullPolicy=3),
            "json: cannot unmarshal number into Go struct field Container.spec.containers.imagePullPolicy"
            " of type v1.PullPolicy",
        ),
        (
            container(ports=[{"containerPort": "80"}]),
            "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort"
            " of type int32",
        ),
        (
            container(ports=[{"containerPort": 3000000000}]),
            "json: cannot unmarshal number 3000000000 into Go struct field"
            " ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            container(ports=[{"containerPort": 80.5}]),
            "json: cannot unmarshal number 80.5 into Go struct field"
            " ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            container(env=[{"name": "A", "value": True}]),
            "json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string",
        ),
        (
            container(tty="yes"),
            "json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool",
        ),
        (
            pod({}, labels={"a": 1}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            pod({}, labels=["a"]),
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            pod({}, uid=1),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.uid of type types.UID",
        ),
        (
            container(resources={"limits": 3}),
            "json: cannot unmarshal number into Go struct field ResourceRequirements.spec.containers.resources.limits"
            " of type v1.ResourceList",
        ),
        (pod({}, creationTimestamp=1), "json: cannot unmarshal number into Go value of type string"),
        (
            container(livenessProbe={"tcpSocket": {"port": True}}),
            "json: cannot unmarshal bool into Go value of type int32",
        ),
        (
            container(resources={"limits": {"cpu": {}}}),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_a_wrong_type_is_told_in_the_decoders_words(obj: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongType) as caught:
        conform(obj, POD)
    assert str(caught.value) == message


@pytest.mark.parametrize(("data", "at"), [("a b=", 1), ("YWJj!", 4), ("YWJ", 0), ("YWJjZ", 4)])
def test_bytes_that_are_no_base64_say_where(data: str, at: int) -> None:
    with pytest.raises(WrongType, match=rf"^illegal base64 data at input byte {at}$"):
        conform({"data": {"a": data}}, schema.definition("v1", "Secret"))


def test_bytes_may_have_line_ends_and_lose_them() -> None:
    found, _ = conform({"data": {"a": "YWJj\nZA==\r\n"}}, schema.definition("v1", "Secret"))
    assert found["data"] == {"a": "YWJjZA=="}


def test_zeros_are_kept_only_where_go_has_a_pointer() -> None:
    spec = {
        "containers": [],
        "hostNetwork": False,
        "restartPolicy": "",
        "nodeSelector": {},
        "tolerations": [],
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "priority": 0,
    }
    assert conform(pod(spec, generation=0), POD)[0] == pod(
        {
            "containers": [],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "priority": 0,
        }
    ) | {"status": {}}
    only = cleaned_container(
        stdin=False, ports=[{"containerPort": 80, "hostPort": 0}], livenessProbe={"initialDelaySeconds": 0}
    )
    assert only == {"name": "c", "ports": [{"containerPort": 80}], "livenessProbe": {}, "resources": {}}


def test_nulls_are_the_same_as_absent() -> None:
    assert cleaned_container(image=None, env=None) == {"name": "c", "resources": {}}
    assert cleaned_container(command=[None, "a"])["command"] == ["", "a"]


def test_required_fields_are_kept_empty() -> None:
    assert cleaned_container(env=[{"name": ""}])["env"] == [{"name": ""}]


def test_structs_by_value_are_written_though_nobody_set_them() -> None:
    assert conform({"metadata": {"name": "n"}}, NODE)[0] == {
        "metadata": {"name": "n"},
        "spec": {},
        "status": {"daemonEndpoints": {"kubeletEndpoint": {}}, "nodeInfo": {}},
    }
    event = conform({"metadata": {"name": "n"}}, schema.definition("v1", "Event"))[0]
    assert event == {
        "metadata": {"name": "n"},
        "involvedObject": {},
        "source": {},
        "reportingComponent": "",
        "reportingInstance": "",
    }
    assert conform({}, schema.definition("v1", "DeleteOptions")) == ({}, [])


def test_quantities_and_times_become_canonical() -> None:
    only = cleaned_container(resources={"limits": {"cpu": 0.5, "memory": "1024Ki"}})
    assert only["resources"]["limits"] == {"cpu": "500m", "memory": "1Mi"}
    found, _ = conform(pod({}, deletionTimestamp="2026-01-01T02:00:00.5+02:00"), POD)
    assert found["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"


def test_an_integer_or_string_stays_what_it_is() -> None:
    for port in (80, "http"):
        only = cleaned_container(livenessProbe={"tcpSocket": {"port": port}})
        assert only["livenessProbe"] == {"tcpSocket": {"port": port}}


_NAMES = [
    *sorted({name for kind in ("Pod", "Node", "Event") for name in schema.definition("v1", kind).fields}),
    "name", "labels", "containers", "nodeName", "annotations", "capacity", "ports", "image", "env", "nope",
]  # fmt: skip
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(_NAMES), _json, max_size=5), st.sampled_from(RESOURCES))
def test_what_conforms_conforms_again_unchanged(obj: dict[str, Any], resource: Any) -> None:
    definition = schema.definition(resource.api_version, resource.kind)
    try:
        once, _ = conform(obj, definition)
    except WrongType:
        return
    assert conform(once, definition) == (once, [])
