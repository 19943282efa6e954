"""What a volume is made from: each kind's rules, in upstream's words and at upstream's paths."""

from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.api.validation import validate_create
from tests.unit.api.validation.support import lines, pod

MODE = "must be a number between 0 and 0777 (octal), both inclusive"
REF = {"fieldRef": {"fieldPath": "metadata.name"}}


def found(volume: dict[str, Any]) -> list[str]:
    told = lines(validate_create(PODS, pod({"volumes": [{"name": "v", **volume}]})))
    return [line.removeprefix("spec.volumes[0].") for line in told]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"path": "/a", "type": "Directory"}, []),
        ({"path": "relative"}, []),
        ({"path": ""}, ["hostPath.path: Required value"]),
        ({"path": "/a/../b"}, ["hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"]),
        (
            {"path": "/a", "type": "Tape"},
            [
                'hostPath.type: Unsupported value: "Tape": supported values: "", "BlockDevice", "CharDevice",'
                ' "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"'
            ],
        ),
    ],
)
def test_a_host_path(source: dict[str, Any], expected: list[str]) -> None:
    assert found({"hostPath": source}) == expected


@pytest.mark.parametrize(("kind", "name"), [("configMap", "name"), ("secret", "secretName")])
def test_files_from_an_object(kind: str, name: str) -> None:
    assert found({kind: {name: "a", "defaultMode": 0, "items": [{"key": "k", "path": "a/b", "mode": 511}]}}) == []
    assert found({kind: {}}) == [f"{kind}.{name}: Required value"]
    assert found({kind: {name: "a", "defaultMode": 512}}) == [f"{kind}.defaultMode: Invalid value: 512: {MODE}"]
    items: list[dict[str, Any]] = [{"key": "", "path": ""}, {"key": "k", "path": "/a"}, {"key": "k", "path": "../a"}]
    items += [{"key": "k", "path": "..a"}, {"key": "k", "path": "a", "mode": -1}]
    assert found({kind: {name: "a", "items": items}}) == [
        f"{kind}.items[0].key: Required value",
        f"{kind}.items[0].path: Required value",
        f'{kind}.items[1].path: Invalid value: "/a": must be a relative path',
        f"{kind}.items[2].path: Invalid value: \"../a\": must not contain '..'",
        f"{kind}.items[3].path: Invalid value: \"..a\": must not start with '..'",
        f"{kind}.items[4].mode: Invalid value: -1: {MODE}",
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"path": "a", **REF}, []),
        ({"path": "a", "fieldRef": {"fieldPath": "metadata.labels['a']"}}, []),
        ({"path": "", **REF}, ["downwardAPI.path: Required value"]),
        ({"path": "a"}, ["downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"]),
        (
            {"path": "a", **REF, "resourceFieldRef": {"resource": "limits.cpu", "containerName": "c"}},
            [
                'downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified'
                " simultaneously"
            ],
        ),
        (
            {"path": "a", "fieldRef": {"fieldPath": "status.podIP"}},
            [
                'downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values:'
                ' "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"'
            ],
        ),
        (
            {"path": "a", "resourceFieldRef": {"resource": "limits.cpu"}},
            ["downwardAPI.resourceFieldRef.containerName: Required value"],
        ),
        ({"path": "a", "mode": 1000, **REF}, [f"downwardAPI.mode: Invalid value: 1000: {MODE}"]),
    ],
)
def test_the_downward_api(item: dict[str, Any], expected: list[str]) -> None:
    assert found({"downwardAPI": {"items": [item]}}) == expected


def test_a_projection_of_several_sources() -> None:
    secret = {"secret": {"name": "s", "items": [{"key": "k", "path": "a"}]}}
    downward = {"downwardAPI": {"items": [{"path": "a", **REF}]}}
    assert found({"projected": {"sources": [secret, {"configMap": {"name": "m"}}]}}) == []
    assert found({"projected": {"sources": [secret, downward]}}) == [
        'projected: Invalid value: "a": conflicting duplicate paths'
    ]
    assert found({"projected": {"sources": [secret, secret]}}) == [
        'projected: Invalid value: "s": conflicting duplicate paths'
    ]
    assert found({"projected": {"sources": [{**secret, "configMap": {}}]}}) == [
        "projected.sources[0].configMap.name: Required value",
        "projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
    ]
    token = {"serviceAccountToken": {"expirationSeconds": 1}}
    assert found({"projected": {"sources": [token]}}) == [
        "projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration"
        " less than 10 minutes",
        "projected.path: Required value",
    ]


def test_a_volume_has_one_source_and_upstream_says_which_is_one_too_many() -> None:
    assert found({"configMap": {"name": "m"}, "downwardAPI": {}, "hostPath": {"path": "/"}}) == [
        "downwarAPI: Forbidden: may not specify more than 1 volume type",
        "configMap: Forbidden: may not specify more than 1 volume type",
    ]


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({"mountPropagation": "None"}, []),
        (
            {"mountPropagation": "Bidirectional"},
            ["mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers"],
        ),
        (
            {"recursiveReadOnly": "IfPossible"},
            ["recursiveReadOnly: Forbidden: may only be specified when readOnly is true"],
        ),
        (
            {"recursiveReadOnly": "Always"},
            [
                'recursiveReadOnly: Unsupported value: "Always": supported values: "Disabled", "Enabled", "IfPossible"',
            ],
        ),
        ({"recursiveReadOnly": "Enabled", "readOnly": True}, []),
    ],
)
def test_how_a_volume_is_mounted(mount: dict[str, Any], expected: list[str]) -> None:
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    causes = validate_create(PODS, pod({"volumes": [{"name": "v"}]}, volumeMounts=mounts))
    told = [line for line in lines(causes) if "does not support" not in line]
    assert [line.removeprefix("spec.containers[0].volumeMounts.") for line in told] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"reference": "example.com/a:1"}, []),
        ({"reference": "a", "pullPolicy": "Never"}, []),
        ({}, ["image.reference: Required value"]),
        (
            {"reference": "a", "pullPolicy": "Sometimes"},
            ['image.pullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'],
        ),
    ],
)
def test_an_image(source: dict[str, Any], expected: list[str]) -> None:
    assert found({"image": source}) == expected


def brought(name: str = "v", metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"name": name, "ephemeral": {"volumeClaimTemplate": {"metadata": metadata or {}, "spec": wanted}}}


def test_a_claim_that_a_pod_brings_follows_the_rules_of_claims() -> None:
    here = "ephemeral.volumeClaimTemplate"
    assert found(brought(metadata={"labels": {"a": "b"}, "annotations": {"c": "d"}}, storageClassName="fast")) == []
    assert found({"ephemeral": {}}) == [f"{here}: Required value"]
    assert found({"ephemeral": {"volumeClaimTemplate": {}}}) == [
        f"{here}.spec.accessModes: Required value: at least 1 access mode is required",
        f"{here}.spec.resources[storage]: Required value",
    ]
    said = {"name": "n", "uid": "u", "ownerReferences": [{}], "labels": {"a": "-"}, "annotations": {"-": ""}}
    assert [line.split(": ")[0] for line in found(brought(metadata=said))] == [
        f"{here}.metadata.{name}" for name in ("annotations", "labels", "name", "uID", "ownerReferences")
    ]
    assert found(brought(metadata={"finalizers": ["a/b"]})) == [f"{here}.metadata.finalizers: Forbidden: cannot be set"]
    assert found(brought(dataSource={"kind": "PersistentVolumeClaim", "name": "x"})) == [
        f"{here}.spec.dataSource: Forbidden: podbay does not support this field yet"
    ]
    assert found({**brought(), "hostPath": {"path": "/a"}}) == [
        "ephemeral: Forbidden: may not specify more than 1 volume type"
    ]


def test_a_claim_that_a_pod_brings_has_a_name_that_the_pod_does_not_use_for_another() -> None:
    long = pod({"volumes": [brought()]}, {"name": "a" * 253})
    assert lines(validate_create(PODS, long))[0] == (
        f'spec.volumes[0].name: Invalid value: "v": PVC name "{"a" * 253}-v": must be no more than 253 characters'
    )
    named = {"name": "other", "persistentVolumeClaim": {"claimName": "web-v"}}
    assert lines(validate_create(PODS, pod({"volumes": [named, brought()]}))) == [
        'spec.volumes[0].persistentVolumeClaim.claimName: Invalid value: "web-v": must not reference a PVC that gets'
        " created for an ephemeral volume"
    ]
