import copy
from typing import Any

import pytest

from podbay.api.resources import BINDINGS, PODS
from podbay.api.validation import validate_create, validate_status_update, validate_update
from tests.unit.api.validation.support import lines, pod, stored


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, []),
        ({"name": ""}, ["spec.containers[0].name: Required value"]),
        ({"name": "a.b"}, ['spec.containers[0].name: Invalid value: "a.b": must not contain dots']),
        (
            {"image": " i"},
            ['spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace'],
        ),
        (
            {"imagePullPolicy": "Sometimes"},
            [
                'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", '
                '"IfNotPresent", "Never"'
            ],
        ),
        ({"ports": [{}]}, ["spec.containers[0].ports[0].containerPort: Required value"]),
        (
            {"ports": [{"containerPort": 70000}]},
            [
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, "
                "inclusive"
            ],
        ),
        (
            {"ports": [{"containerPort": 80, "protocol": "tcp"}]},
            [
                'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", '
                '"UDP"'
            ],
        ),
        (
            {"ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]},
            ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
        ),
        (
            {"ports": [{"containerPort": 80, "hostPort": 9}, {"containerPort": 81, "hostPort": 9}]},
            ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//9"'],
        ),
        ({"restartPolicy": "Always"}, ["spec.containers[0].restartPolicy: Forbidden: may not be set for non-init "
                                       "containers"]),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a"}]}, [
            'spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ]),
    ],
)  # fmt: skip
def test_a_container(container: dict[str, Any], expected: list[str]) -> None:
    assert lines(validate_create(PODS, pod(**container))) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": []}, ["spec.containers: Required value"]),
        (
            {"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]},
            ['spec.containers[1].name: Duplicate value: "a"'],
        ),
        (
            {"restartPolicy": "Sometimes"},
            ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
        ),
        ({"nodeSelector": {"gpu": "true"}}, []),
        ({"hostname": "a.b"}, ['spec.hostname: Invalid value: "a.b": must not contain dots']),
        ({"volumes": [{"name": "v"}]}, []),
        ({"volumes": [{"name": "v"}, {"name": "v"}]}, ['spec.volumes[1].name: Duplicate value: "v"']),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]},
            [
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
            ],
        ),
        (
            {"tolerations": [{"operator": "Equal", "value": "x"}]},
            [
                'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, '
                'which means "match all values and all keys"'
            ],
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "effect": "Never"}]},
            [
                'spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", '
                '"PreferNoSchedule", "NoExecute"'
            ],
        ),
    ],
)
def test_a_spec(spec: dict[str, Any], expected: list[str]) -> None:
    assert lines(validate_create(PODS, pod(spec))) == expected


def test_the_volumes_of_a_pod_can_be_mounted_once_at_a_path() -> None:
    mounts = [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]
    found = validate_create(PODS, pod({"volumes": [{"name": "v"}]}, volumeMounts=mounts))
    assert lines(found) == ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique']


def test_on_the_hosts_network_the_ports_are_the_hosts() -> None:
    found = validate_create(PODS, pod({"hostNetwork": True}, ports=[{"containerPort": 80, "hostPort": 81}]))
    assert lines(found) == [
        "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"
    ]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, []),
        ({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}, []),
        (
            {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}},
            ['.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
        (
            {"limits": {"memory": "-1"}},
            [
                '.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
                '.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
            ],
        ),
        (
            {"requests": {"gpu": "1"}},
            [
                '.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
                '.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
            ],
        ),
        ({"requests": {"example.com/gpu": "1"}}, [
            ".limits: Required value: Limit must be set for non overcommitable resources"
        ]),
        ({"limits": {"example.com/gpu": "1500m"}}, [
            '.limits[example.com/gpu]: Invalid value: "1500m": must be an integer',
            '.requests[example.com/gpu]: Invalid value: "1500m": must be an integer',
        ]),
        ({"limits": {"hugepages-2Mi": "2Mi"}}, [": Forbidden: HugePages require cpu or memory"]),
        ({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}, [
            '.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2'
        ]),
        ({"requests": {"hugepages-2Mi": "2Mi", "cpu": "1"}, "limits": {"hugepages-2Mi": "4Mi"}}, [
            '.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi'
        ]),
        ({"limits": {"hugepages-2Mi": "3Mi", "cpu": "1"}}, [
            '.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
            '.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        ]),
    ],
)  # fmt: skip
def test_resources(resources: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod(resources=resources)))
    assert found == [f"spec.containers[0].resources{line}" for line in expected]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": "A", "value": "b"}, []),
        ({"value": "b"}, [".name: Required value"]),
        ({"name": "A=", "value": "b"}, [
            '.name: Invalid value: "A=": a valid environment variable name must consist only of printable ASCII '
            "characters other than '='"
        ]),
        ({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}}, []),
        ({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}, [
            '.valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", '
            '"metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", '
            '"status.hostIPs", "status.podIP", "status.podIPs"'
        ]),
        ({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}, [
            '.valueFrom.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not '
            "supported: spec.x"
        ]),
        ({"name": "A", "valueFrom": {}}, [
            '.valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or '
            "`secretKeyRef`"
        ]),
        ({"name": "A", "value": "x", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}, [
            '.valueFrom: Invalid value: "": may not be specified when `value` is not empty'
        ]),
        ({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}, [".valueFrom.secretKeyRef.key: Required value"]),
    ],
)  # fmt: skip
def test_a_variable(variable: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod(env=[variable])))
    assert found == [f"spec.containers[0].env[0]{line}" for line in expected]


def test_variables_from_whole_objects() -> None:
    assert lines(validate_create(PODS, pod(envFrom=[{"configMapRef": {"name": "m"}}, {"secretRef": {}}, {}]))) == [
        "spec.containers[0].envFrom[1].secretRef.name: Required value",
        'spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
    ]


def test_node_affinity() -> None:
    terms = [
        {"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a", "operator": "Is"}]},
        {"matchFields": [{"key": "spec.x", "operator": "In", "values": ["a"]}]},
    ]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    assert lines(validate_create(PODS, pod({"affinity": affinity}))) == [
        f"{path}[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        f'{path}[0].matchExpressions[1].operator: Invalid value: "Is": not a valid selector operator',
        f'{path}[1].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key',
    ]


def updated(change: Any, spec: dict[str, Any] | None = None, **container: Any) -> list[str]:
    old = stored(pod(spec, **container))
    new = copy.deepcopy(old)
    change(new)
    return lines(validate_update(PODS, new, old))


def test_an_image_may_change() -> None:
    assert updated(lambda new: new["spec"]["containers"][0].update(image="other")) == []


def test_nothing_else_of_a_container_may_change() -> None:
    [line] = updated(lambda new: new["spec"]["containers"][0].update(ports=[{"containerPort": 1, "protocol": "TCP"}]))
    assert line == (
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
        "- spec.containers[0].ports: null\n"
        '+ spec.containers[0].ports: [{"containerPort": 1, "protocol": "TCP"}]\n'
    )


def test_saying_nothing_in_other_words_is_no_change() -> None:
    assert updated(lambda new: new["spec"]["containers"][0].update(env=[], command=None)) == []


def test_containers_may_not_come_or_go() -> None:
    added = {"name": "d", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}
    assert updated(lambda new: new["spec"]["containers"].append(added)) == [
        "spec.containers: Forbidden: pod updates may not add or remove containers"
    ]


def test_tolerations_may_only_be_added() -> None:
    tolerations = [{"key": "a", "operator": "Exists"}]
    added = {"key": "b", "operator": "Exists"}
    assert updated(lambda new: new["spec"]["tolerations"].append(added), {"tolerations": tolerations}) == []
    assert updated(lambda new: new["spec"].update(tolerations=[added]), {"tolerations": tolerations}) == [
        "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
    ]


def test_the_node_of_a_pod_is_bound_not_written() -> None:
    [line] = updated(lambda new: new["spec"].update(nodeName="n"))
    assert line.endswith('- spec.nodeName: null\n+ spec.nodeName: "n"\n')


def status_updated(now: dict[str, Any], before: dict[str, Any], policy: str = "Never") -> list[str]:
    old = stored(pod({"restartPolicy": policy}) | {"status": before})
    return lines(validate_status_update(PODS, old | {"status": now}, old))


def test_a_container_that_ended_for_good_does_not_run_again() -> None:
    ended = {"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 0}}}]}
    running = {"containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    refused = ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
    assert status_updated(running, ended) == refused
    assert status_updated(running, ended, "OnFailure") == refused
    assert status_updated(running, ended, "Always") == []
    assert status_updated(ended, running) == []
    ended["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 1}}
    assert status_updated(running, ended, "OnFailure") == []


def test_the_rest_of_a_status() -> None:
    assert status_updated({"qosClass": "Burstable"}, {"qosClass": "BestEffort"}) == [
        'status.qosClass: Invalid value: "Burstable": field is immutable'
    ]
    assert status_updated({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, {}) == []
    assert status_updated({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}, {}) == [
        'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each '
        "IP family"
    ]
    assert status_updated({"podIPs": [{"ip": "x"}]}, {})[0].startswith(
        'status.podIPs[0]: Invalid value: "x": must be a valid IP address'
    )


def test_a_binding_names_a_node() -> None:
    assert lines(validate_create(BINDINGS, {"target": {"kind": "Pod"}})) == [
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
        "target.name: Required value",
    ]
    assert validate_create(BINDINGS, {"target": {"kind": "Node", "name": "n"}}) == []
