from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, LEASES, NAMESPACES, PODS
from podbay.api.validation import invalid_object, validate_create, validate_update
from podbay.api.validation.metadata import validate_dry_run, validate_field_manager
from tests.unit.api.validation.support import lines, pod, stored

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, []),
        ({"name": ""}, ["metadata.name: Required value: name or generateName is required"]),
        ({"name": "A"}, [f'metadata.name: Invalid value: "A": {SUBDOMAIN}']),
        ({"generateName": "web-"}, []),
        ({"generateName": "web_"}, [f'metadata.generateName: Invalid value: "web_": {SUBDOMAIN}']),
        ({"namespace": ""}, ["metadata.namespace: Required value"]),
        ({"labels": {"-a": "b"}}, [f'metadata.labels: Invalid value: "-a": name part {KEY}']),
        ({"annotations": {"Example.com/A": "anything at all"}}, []),
        ({"annotations": {"a b": ""}}, [f'metadata.annotations: Invalid value: "a b": name part {KEY}']),
        ({"annotations": {"a": "x" * 262144}}, ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
        (
            {"finalizers": ["mine"]},
            [
                'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it '
                "fully qualified"
            ],
        ),
        ({"finalizers": ["example.com/mine", "orphan"]}, []),
        (
            {"finalizers": ["orphan", "foregroundDeletion"]},
            [
                'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and '
                "foregroundDeletion cannot be both set"
            ],
        ),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]},
            ['metadata.ownerReferences[0].uid: Invalid value: "": uid must not be empty'],
        ),
        ({"generation": -1}, ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)
def test_the_metadata_of_a_pod(metadata: dict[str, Any], expected: list[str]) -> None:
    assert lines(validate_create(PODS, pod(metadata=metadata))) == expected


def test_only_one_owner_may_be_the_controller() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "uid": "u", "controller": True}
    found = lines(validate_create(PODS, pod(metadata={"ownerReferences": [owner | {"name": n} for n in "ab"]})))
    assert found[0].endswith(
        'Only one reference can have Controller set to true. Found "true" in references for Pod/a and Pod/b'
    )


def test_an_object_of_the_cluster_has_no_namespace() -> None:
    found = validate_create(NAMESPACES, {"metadata": {"name": "a", "namespace": "b"}})
    assert lines(found) == ["metadata.namespace: Forbidden: not allowed on this type"]


def test_a_namespaces_name_has_no_dots() -> None:
    found = validate_create(NAMESPACES, {"metadata": {"name": "a.b"}})
    assert lines(found) == ['metadata.name: Invalid value: "a.b": must not contain dots']


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"labels": {"a": "b"}}, []),
        ({"name": "other"}, ['metadata.name: Invalid value: "other": field is immutable']),
        ({"uid": "v"}, ['metadata.uid: Invalid value: "v": field is immutable']),
        (
            {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            ['metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:00Z": field is immutable'],
        ),
    ],
)
def test_what_may_not_change(change: dict[str, Any], expected: list[str]) -> None:
    old = stored({"metadata": {"name": "a", "namespace": "default"}})
    new = {"metadata": old["metadata"] | change}
    assert lines(validate_update(CONFIG_MAPS, new, old)) == expected


def test_an_object_that_is_going_gets_no_new_finalizers() -> None:
    old = stored({"metadata": {"name": "a", "namespace": "default", "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    new = {"metadata": old["metadata"] | {"finalizers": ["example.com/x"]}}
    assert lines(validate_update(CONFIG_MAPS, new, old)) == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new "
        'finalizers []string{"example.com/x"}'
    ]


def test_the_error_names_the_object_and_each_cause() -> None:
    broken = pod(metadata={"name": "web"}, image="")
    error = invalid_object(PODS, "web", validate_create(PODS, broken))
    assert error.message == 'Pod "web" is invalid: spec.containers[0].image: Required value'
    assert error.as_status()["details"] == {
        "name": "web",
        "kind": "Pod",
        "causes": [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers[0].image"}],
    }


def test_several_causes_are_listed_and_a_group_is_named() -> None:
    lease = {"metadata": {"name": "l", "namespace": "n"}, "spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}
    error = invalid_object(LEASES, "l", validate_create(LEASES, lease))
    assert error.message == (
        'Lease.coordination.k8s.io "l" is invalid: [spec.leaseDurationSeconds: Invalid value: 0: must be greater than '
        "0, spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0]"
    )


def test_options_of_a_request() -> None:
    assert lines(validate_dry_run(["Some"])) == ['dryRun: Unsupported value: ["Some"]: supported values: "All"']
    assert validate_dry_run(["All"]) == []
    assert lines(validate_field_manager("x" * 129)) == ["fieldManager: Too long: may not be more than 128 bytes"]
    assert lines(validate_field_manager("a\tb")) == [
        'fieldManager: Invalid value: "a\\tb": invalid character U+0009 (at position 1)'
    ]
