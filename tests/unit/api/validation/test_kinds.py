import base64
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, EVENTS, EVENTS_V1, LEASES, NAMESPACES, NODES, SECRETS
from podbay.api.validation import validate_create, validate_status_update, validate_update
from podbay.api.validation.namespaces import validate_namespace_finalize
from tests.unit.api.validation.support import lines, stored

META = {"name": "a", "namespace": "default"}


def node(spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "n"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}, []),
        (
            {"podCIDRs": ["10.0.0.0"]},
            [
                'spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
                "2001:db8::/64)"
            ],
        ),
        (
            {"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]},
            [
                'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for '
                "each IP family"
            ],
        ),
        (
            {"taints": [{"key": "a", "effect": "NoSchedule"}] * 2},
            [
                'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key '
                "and effect pair"
            ],
        ),
        ({"taints": [{"key": "a"}]}, ["metadata.taints[0].effect: Required value"]),
    ],
)
def test_a_node(spec: dict[str, Any], expected: list[str]) -> None:
    assert lines(validate_create(NODES, node(spec))) == expected


def test_a_nodes_range_and_provider_stay() -> None:
    old = stored(node({"podCIDRs": ["10.0.0.0/24"], "providerID": "p"}))
    assert lines(validate_update(NODES, old | {"spec": {"podCIDRs": ["10.0.1.0/24"], "providerID": "q"}}, old)) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]
    assert validate_update(NODES, old | {"metadata": old["metadata"] | {"labels": {"gpu": "true"}}}, old) == []
    bare = stored(node({}))
    assert validate_update(NODES, bare | {"spec": {"podCIDRs": ["10.0.0.0/24"]}}, bare) == []


def test_a_nodes_addresses_and_amounts() -> None:
    old = stored(node({}))
    address = {"type": "Hostname", "address": "n"}
    status = {"addresses": [address, address], "capacity": {"pods": "1500m"}}
    assert lines(validate_status_update(NODES, old | {"status": status}, old)) == [
        'status.capacity.pods: Invalid value: "1500m": must be an integer',
        'status.addresses[1]: Duplicate value: {"type":"Hostname","address":"n"}',
    ]


def test_a_namespaces_phase_follows_its_deletion() -> None:
    old = stored({"metadata": {"name": "n"}, "status": {"phase": "Active"}})
    assert lines(validate_status_update(NAMESPACES, old | {"status": {"phase": "Terminating"}}, old)) == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]
    going = {"metadata": old["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Active"}}
    assert lines(validate_status_update(NAMESPACES, going, going)) == [
        "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"
    ]
    assert lines(validate_namespace_finalize(old | {"spec": {"finalizers": ["x"]}}, old)) == [
        'spec.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'
    ]


def test_a_config_maps_keys() -> None:
    config_map = {"metadata": META, "data": {"a": "1", "b/c": ""}, "binaryData": {"a": "MQ=="}}
    assert lines(validate_create(CONFIG_MAPS, config_map)) == [
        'data[a]: Invalid value: "a": duplicate of key present in binaryData',
        "data[b/c]: Invalid value: \"b/c\": a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        " (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ]


def test_a_config_map_holds_a_mebibyte() -> None:
    assert validate_create(CONFIG_MAPS, {"metadata": META, "data": {"a": "x" * 2**20}}) == []
    assert lines(validate_create(CONFIG_MAPS, {"metadata": META, "data": {"a": "x" * (2**20 + 1)}})) == [
        "[]: Too long: may not be more than 1048576 bytes"
    ]


def test_what_is_immutable_stays_so() -> None:
    old = stored({"metadata": META, "data": {"a": "1"}, "immutable": True})
    detail = "field is immutable when `immutable` is set"
    assert lines(validate_update(CONFIG_MAPS, {"metadata": old["metadata"], "data": {}}, old)) == [
        f"immutable: Forbidden: {detail}",
        f"data: Forbidden: {detail}",
    ]


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("Opaque", {}, []),
        ("kubernetes.io/tls", {"tls.crt": ""}, ["data[tls.key]: Required value"]),
        ("kubernetes.io/basic-auth", {}, ["data[username]: Required value", "data[password]: Required value"]),
        ("kubernetes.io/ssh-auth", {}, ["data[ssh-privatekey]: Required value"]),
        ("kubernetes.io/dockerconfigjson", {}, ["data[.dockerconfigjson]: Required value"]),
        (
            "kubernetes.io/dockerconfigjson",
            {".dockerconfigjson": base64.b64encode(b"{").decode()},
            [
                'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input',
            ],
        ),
        (
            "kubernetes.io/dockercfg",
            {".dockercfg": base64.b64encode(b"[]").decode()},
            [
                'data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go'
                " value of type map[string]interface {}",
            ],
        ),
        ("kubernetes.io/dockercfg", {".dockercfg": base64.b64encode(b"null").decode()}, []),
        (
            "kubernetes.io/service-account-token",
            {},
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
    ],
)
def test_a_secrets_type_asks_for_its_keys(kind: str, data: dict[str, str], expected: list[str]) -> None:
    assert lines(validate_create(SECRETS, {"metadata": META, "type": kind, "data": data})) == expected


def test_a_secrets_type_stays() -> None:
    old = stored({"metadata": META, "type": "Opaque"})
    assert lines(validate_update(SECRETS, old | {"type": "x"}, old)) == ['type: Invalid value: "x": field is immutable']


def test_a_core_event_lies_where_its_object_lies() -> None:
    event = {"metadata": META, "involvedObject": {"namespace": "other"}}
    assert lines(validate_create(EVENTS, event)) == [
        'involvedObject.namespace: Invalid value: "other": does not match event.namespace'
    ]
    assert validate_create(EVENTS, {"metadata": META, "involvedObject": {"kind": "Node"}}) == []
    assert validate_create(EVENTS, {"metadata": META | {"name": "A_b"}, "involvedObject": {}}) == []


def test_an_event_of_the_new_api_is_checked_strictly() -> None:
    event = {"metadata": META, "regarding": {"namespace": "default"}, "type": "Odd", "deprecatedCount": 1}
    assert lines(validate_create(EVENTS_V1, event)) == [
        "eventTime: Required value",
        'type: Invalid value: "": has invalid value: Odd',
        'count: Invalid value: "": needs to be unset',
    ]
    good = {
        "metadata": META,
        "regarding": {"namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Normal",
        "reason": "Testing",
        "action": "Test",
        "reportingController": "example.com/tester",
        "reportingInstance": "t-1",
    }
    assert validate_create(EVENTS_V1, good) == []
    old = stored(good)
    assert lines(validate_update(EVENTS_V1, old | {"reason": "Other"}, old)) == [
        'reason: Invalid value: "Other": field is immutable'
    ]
    assert lines(validate_create(EVENTS_V1, good | {"action": "", "reason": "x" * 129})) == [
        "action: Required value",
        'reason: Invalid value: "": can have at most 128 characters',
    ]


def test_a_lease() -> None:
    assert validate_create(LEASES, {"metadata": META, "spec": {"leaseDurationSeconds": 40}}) == []
    assert lines(validate_create(LEASES, {"metadata": META, "spec": {"preferredHolder": "x"}})) == [
        "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"
    ]
