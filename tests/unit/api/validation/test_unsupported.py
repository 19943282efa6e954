from typing import Any

import pytest

from podbay.api.defaults import set_defaults
from podbay.api.resources import NODES, PODS
from podbay.api.validation import validate_create
from podbay.api.validation.unsupported import unsupported_in_pod
from tests.unit.api.validation.support import lines, pod

FIELD = "Forbidden: podbay does not support this field yet"
VALUE = "Forbidden: podbay does not support this value yet"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"resourceClaims": [{"name": "gpu"}]}, "resourceClaims"),
        ({"securityContext": {"seLinuxChangePolicy": "Recursive"}}, "securityContext.seLinuxChangePolicy"),
        ({"securityContext": {"windowsOptions": {"runAsUserName": "a"}}}, "securityContext.windowsOptions"),
        ({"volumes": [{"name": "v", "nfs": {"path": "/", "server": "s"}}]}, "volumes[0].nfs"),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"path": "t"}}]}}]},
            "volumes[0].projected.sources[0].clusterTrustBundle",
        ),
        ({"aFieldOfNextYear": 1}, "aFieldOfNextYear"),
    ],
)
def test_a_field_that_is_not_honoured_is_refused_by_its_path(spec: dict[str, Any], path: str) -> None:
    assert lines(unsupported_in_pod(pod(spec))) == [f"spec.{path}: {FIELD}"]


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, "securityContext.windowsOptions"),
        ({"volumeDevices": [{"name": "v", "devicePath": "/dev/v"}]}, "volumeDevices"),
    ],
)  # fmt: skip
def test_a_field_of_a_container_too(container: dict[str, Any], path: str) -> None:
    assert lines(unsupported_in_pod(pod(**container))) == [f"spec.containers[0].{path}: {FIELD}"]


@pytest.mark.parametrize(
    "spec",
    [
        {"hostPID": False, "hostIPC": False, "hostUsers": True, "initContainers": []},
        {"hostUsers": False},
        {"priority": 0, "preemptionPolicy": "PreemptLowerPriority", "enableServiceLinks": False},
        {"securityContext": {}, "dnsPolicy": "Default", "os": {"name": "linux"}, "serviceAccountName": "default"},
        {"securityContext": {"runAsNonRoot": False, "seccompProfile": {"type": "Unconfined"}}},
        {"tolerations": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "tolerationSeconds": 300}]},
        {"volumes": [{"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]},
        {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]},
        {"volumes": [{"name": "v", "emptyDir": {"medium": "HugePages-2Mi"}}]},
        {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"ephemeral-storage": "1Gi"}}}]},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
    ],
)
def test_what_is_honoured_or_a_default_passes(spec: dict[str, Any]) -> None:
    assert unsupported_in_pod(pod(spec)) == []


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"os": {"name": "windows"}}, "os.name"),
    ],
)
def test_a_value_that_is_not_honoured_is_refused(spec: dict[str, Any], path: str) -> None:
    assert lines(unsupported_in_pod(pod(spec))) == [f"spec.{path}: {VALUE}"]


def test_nodes() -> None:
    node = {"metadata": {"name": "n"}, "spec": {"configSource": {"configMap": {"name": "c"}}}}
    assert lines(validate_create(NODES, node)) == [f"spec.configSource: {FIELD}"]


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({"dnsPolicy": "Foo"}, ["FieldValueNotSupported spec.dnsPolicy"]),
        ({"os": {"name": "mac"}}, ["FieldValueNotSupported spec.os"]),
        (
            {"containers": [{"name": "c", "image": "i", "restartPolicy": "Always"}]},
            ["FieldValueForbidden spec.containers[0].restartPolicy"],
        ),
    ],
)
def test_what_upstream_refuses_too_is_told_once(spec: dict[str, Any], causes: list[str]) -> None:
    made = {"metadata": {"name": "a", "namespace": "n"}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
    set_defaults(PODS, made)
    assert [f"{cause.reason} {cause.field}" for cause in validate_create(PODS, made)] == causes
