"""Protobuf bodies. The captured ones are what kubectl 1.32 sent; the built ones use upstream's field numbers."""

import contextlib
import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbay.api import schema
from podbay.api.schema.conform import conform
from podbay.wire import protobuf

NAMESPACE = (
    "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200"
)
CONFIG_MAP = (
    "6b3873000a0f0a0276311209436f6e6669674d617012230a120a02636d12001a0022002a0032003800420012060a016112016212050a0163"
    "12001a002200"
)
BINARY = (
    "6b3873000a0f0a0276311209436f6e6669674d6170121e0a130a0362696e12001a0022002a003200380042001a070a01661202ff001a002200"
)
SECRET = "6b3873000a0c0a0276311206536563726574121d0a110a017312001a0022002a0032003800420012060a016b1201761a001a002200"
SERVICE_ACCOUNT = (
    "6b3873000a140a027631120e536572766963654163636f756e7412170a150a05726f626f7412001a0022002a003200380042001a002200"
)

Field = tuple[int, "int | bytes | str | list[Field]"]


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(fields: list[Any]) -> bytes:
    data = b""
    for number, value in fields:
        if isinstance(value, int):
            data += varint(number << 3) + varint(value)
            continue
        content = message(value) if isinstance(value, list) else value.encode() if isinstance(value, str) else value
        data += varint(number << 3 | 2) + varint(len(content)) + content
    return data


def body(api_version: str, kind: str, fields: list[Any]) -> bytes:
    return b"k8s\0" + message([(1, [(1, api_version), (2, kind)]), (2, message(fields)), (3, ""), (4, "")])


def decoded(kind: str, fields: list[Any], api_version: str = "v1") -> dict[str, Any]:
    found = protobuf.decode(body(api_version, kind, fields))
    assert (found.pop("apiVersion"), found.pop("kind")) == (api_version, kind)
    return found


@pytest.mark.parametrize(
    ("captured", "kind", "rest"),
    [
        (NAMESPACE, "Namespace", {"metadata": {"name": "foo"}, "spec": {}, "status": {}}),
        (CONFIG_MAP, "ConfigMap", {"metadata": {"name": "cm"}, "data": {"a": "b", "c": ""}}),
        (BINARY, "ConfigMap", {"metadata": {"name": "bin"}, "binaryData": {"f": "/wA="}}),
        (SECRET, "Secret", {"metadata": {"name": "s"}, "data": {"k": "dg=="}}),
        (SERVICE_ACCOUNT, "ServiceAccount", {"metadata": {"name": "robot"}}),
    ],
)
def test_what_kubectl_sends_is_read_as_the_object_it_means(captured: str, kind: str, rest: dict[str, Any]) -> None:
    found, unknown = conform(protobuf.decode(bytes.fromhex(captured)), schema.definition("v1", kind))
    assert (found, unknown) == ({"apiVersion": "v1", "kind": kind, **rest}, [])


def test_a_pod_is_read_with_its_containers_volumes_and_quantities() -> None:
    container = [
        (1, "web"),
        (2, "nginx"),
        (4, "sleep"),
        (4, "60"),
        (6, [(1, "http"), (2, 0), (3, 8080), (4, "TCP")]),
        (7, [(1, "A"), (2, "b")]),
        (7, [(1, "B"), (3, [(3, [(1, [(1, "cm")]), (2, "key")])])]),
        (8, [(1, [(1, "cpu"), (2, [(1, "500m")])])]),
        (9, [(1, "data"), (2, 1), (3, "/data")]),
        (10, [(1, [(2, [(1, "/health"), (2, [(1, 1), (2, 0), (3, "http")])])]), (2, 5)]),
        (14, "IfNotPresent"),
    ]
    pod = [
        (1, [(1, "p"), (3, "default"), (11, [(1, "app"), (2, "x")])]),
        (
            2,
            [
                (1, [(1, "data"), (2, [(2, [(1, "Memory")])])]),
                (1, [(1, "cm"), (2, [(19, [(1, [(1, "cm")]), (4, 0)])])]),
                (2, container),
                (3, "Always"),
                (4, 0),
                (11, 0),
                (7, [(1, "disk"), (2, "ssd")]),
            ],
        ),
    ]
    found = decoded("Pod", pod)
    assert found["metadata"] == {"name": "p", "namespace": "default", "labels": {"app": "x"}}
    spec = found["spec"]
    assert spec["volumes"] == [
        {"name": "data", "emptyDir": {"medium": "Memory"}},
        {"name": "cm", "configMap": {"name": "cm", "optional": False}},
    ]
    (only,) = spec["containers"]
    assert only == {
        "name": "web",
        "image": "nginx",
        "args": ["sleep", "60"],
        "ports": [{"name": "http", "hostPort": 0, "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "A", "value": "b"},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "key"}}},
        ],
        "resources": {"limits": {"cpu": "500m"}},
        "volumeMounts": [{"name": "data", "readOnly": True, "mountPath": "/data"}],
        "livenessProbe": {"httpGet": {"path": "/health", "port": "http"}, "initialDelaySeconds": 5},
        "imagePullPolicy": "IfNotPresent",
    }
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"], spec["hostNetwork"]) == ("Always", 0, False)
    assert spec["nodeSelector"] == {"disk": "ssd"}


def test_delete_options_are_read_with_preconditions_and_grace() -> None:
    found = decoded("DeleteOptions", [(1, 0), (2, [(1, "u-1"), (2, "7")]), (4, "Background"), (5, "All")])
    assert found == {
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u-1", "resourceVersion": "7"},
        "propagationPolicy": "Background",
        "dryRun": ["All"],
    }


def test_a_binding_names_its_target() -> None:
    found = decoded("Binding", [(1, [(1, "p")]), (2, [(1, "Node"), (3, "n1")])])
    assert found == {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}


def test_a_lease_has_micro_times() -> None:
    spec = [(1, "me"), (2, 40), (4, [(1, 1767225600), (2, 5000)]), (5, 3)]
    found = decoded("Lease", [(1, [(1, "n")]), (2, spec)], "coordination.k8s.io/v1")
    assert found["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 40,
        "renewTime": "2026-01-01T00:00:00.000005Z",
        "leaseTransitions": 3,
    }


def test_the_two_event_kinds_are_told_apart() -> None:
    old = decoded("Event", [(1, [(1, "e")]), (3, "Pulled"), (4, "done"), (6, [(1, 1767225600)]), (8, 2)])
    assert old == {
        "metadata": {"name": "e"},
        "reason": "Pulled",
        "message": "done",
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "count": 2,
    }
    new = decoded("Event", [(1, [(1, "e")]), (4, "ctl"), (6, "act"), (7, "why"), (10, "note")], "events.k8s.io/v1")
    assert new == {
        "metadata": {"name": "e"},
        "reportingController": "ctl",
        "action": "act",
        "reason": "why",
        "note": "note",
    }


def test_an_empty_time_is_none_and_negative_numbers_are_negative() -> None:
    found = decoded("Pod", [(1, [(1, "p"), (8, [])]), (2, [(25, -5)])])
    assert "creationTimestamp" not in found["metadata"]
    assert found["spec"] == {"priority": -5}


def test_fields_that_are_not_known_are_skipped() -> None:
    found = decoded("Namespace", [(1, [(1, "x"), (99, "new")]), (1000, 7), (1001, [(1, "y")])])
    assert found == {"metadata": {"name": "x"}}
    fixed = b"k8s\0" + message(
        [(1, [(1, "v1"), (2, "Namespace")]), (2, message([(1, [(1, "x")])]) + varint(50 << 3 | 1) + b"12345678")]
    )
    assert protobuf.decode(fixed)["metadata"] == {"name": "x"}


def test_a_kind_without_a_table_is_told_as_such() -> None:
    with pytest.raises(protobuf.UnknownMessage, match="Deployment"):
        protobuf.decode(body("apps/v1", "Deployment", []))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\0\x0a\xff",
        b"k8s\0" + message([(1, [(1, "v1"), (2, "Pod")]), (2, b"\x0a\x05ab")]),
        b"k8s\0" + message([(1, [(1, "v1"), (2, "Pod")]), (2, b"\x08\x01")]),
        b"k8s\0" + message([(1, [(1, "v1"), (2, "Pod")]), (2, b"\x0b")]),
        b"k8s\0" + message([(1, [(1, "v1"), (2, "Pod")]), (2, [(1, [(1, b"\xff")])])]),
    ],
)
def test_what_is_no_message_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        protobuf.decode(data)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_decoder_otherwise(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        json.dumps(protobuf.decode(body("v1", "Pod", []) + message([(2, data)])))


def test_every_field_of_the_table_is_a_field_of_the_schema() -> None:
    tables = protobuf._tables()
    definitions = {name.rpartition(".")[2]: value for name, value in schema.structures().items()}
    definitions |= {
        f"events.{name.rpartition('.')[2]}": value
        for name, value in schema.structures().items()
        if name.startswith("io.k8s.api.events.")
    }
    core = {n.rpartition(".")[2]: v for n, v in schema.structures().items() if n.startswith("io.k8s.api.core.")}
    checked = 0
    for name, table in tables.items():
        definition = core.get(name) or definitions.get(name)
        if definition is None or "properties" not in definition:
            continue
        for field, card, _ in table.values():
            if card != "+":
                assert field in definition["properties"], f"{name}.{field}"
                checked += 1
    assert checked > 600
    assert files("podbay.wire.protobuf").joinpath("fields.txt").is_file()
