from typing import Any

import pytest

from podbay.api.resources import (
    CONFIG_MAPS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    STORAGE_CLASSES,
    Resource,
)
from podbay.api.warnings import warnings_on_create, warnings_on_update
from tests.unit.api.validation.support import pod


@pytest.mark.parametrize(
    ("spec", "container", "expected"),
    [
        ({}, {}, []),
        (
            {"nodeSelector": {"beta.kubernetes.io/os": "linux"}},
            {},
            [
                'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
            ],
        ),
        (
            {
                "volumes": [
                    {
                        "name": "v",
                        "ephemeral": {
                            "volumeClaimTemplate": {
                                "spec": {
                                    "accessModes": ["ReadWriteOnce"],
                                    "resources": {"requests": {"storage": "1500m"}},
                                }
                            }
                        },
                    },
                ]
            },
            {},
            [
                "spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value"
                ' "1500m" is invalid, must be an integer',
            ],
        ),
        (
            {"terminationGracePeriodSeconds": -1},
            {},
            ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
        ),
        (
            {"imagePullSecrets": [{"name": "s"}, {"name": ""}, {"name": "s"}]},
            {},
            [
                'spec.imagePullSecrets[2].name: duplicate name "s"',
                'spec.imagePullSecrets[1].name: invalid empty name ""',
            ],
        ),
        (
            {},
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
        ),
        ({}, {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}]}, []),
        (
            {},
            {"ports": [{"containerPort": 80}, {"containerPort": 80}]},
            ["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
        ),
        (
            {},
            {"ports": [{"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}]},
            ["spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]"],
        ),
        ({}, {"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]}, []),
        (
            {},
            {"resources": {"requests": {"memory": "100m"}}},
            [
                'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an '
                "integer"
            ],
        ),
    ],
)
def test_a_pod_that_is_odd_but_valid(spec: dict[str, Any], container: dict[str, Any], expected: list[str]) -> None:
    assert warnings_on_create(PODS, pod(spec, **container)) == expected


def test_a_name_that_is_no_host_name() -> None:
    assert warnings_on_create(PODS, pod(metadata={"name": "a.b"})) == [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is "
        "recommended: [must not contain dots]"
    ]
    assert warnings_on_create(CONFIG_MAPS, {"metadata": {"name": "a.b"}}) == []


OLD_CLASS = {"volume.beta.kubernetes.io/storage-class": "s"}
OLD_CLASS_TEXT = (
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName"'
    " attribute instead"
)
OLD_ZONE = "failure-domain.beta.kubernetes.io/zone"
OLD_ZONE_TEXT = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'


@pytest.mark.parametrize(
    ("resource", "obj", "expected"),
    [
        (
            PERSISTENT_VOLUMES,
            {
                "metadata": {"annotations": OLD_CLASS},
                "spec": {
                    "persistentVolumeReclaimPolicy": "Recycle",
                    "nodeAffinity": {
                        "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": OLD_ZONE}, {"key": "zone"}]}]}
                    },
                },
            },
            [
                OLD_CLASS_TEXT,
                "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended"
                " approach is to use dynamic provisioning.",
                "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: "
                f"{OLD_ZONE} is {OLD_ZONE_TEXT}",
            ],
        ),
        (
            PERSISTENT_VOLUME_CLAIMS,
            {
                "metadata": {"annotations": OLD_CLASS},
                "spec": {"resources": {"requests": {"storage": "100m"}, "limits": {"storage": "1Gi"}}},
            },
            [
                OLD_CLASS_TEXT,
                'spec.resources.requests[storage]: fractional byte value "100m" is invalid, must be an integer',
            ],
        ),
        (
            STORAGE_CLASSES,
            {
                "metadata": {},
                "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone"}, {"key": OLD_ZONE}]}],
            },
            [f"allowedTopologies[0].matchLabelExpressions[1].key: {OLD_ZONE_TEXT}"],
        ),
    ],
)
def test_what_is_old_about_volumes(resource: Resource, obj: dict[str, Any], expected: list[str]) -> None:
    assert warnings_on_create(resource, obj) == expected
    assert warnings_on_update(resource, obj, {"metadata": {}}) == expected
