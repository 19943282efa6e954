from typing import Any

import pytest

from podbay.kubelet.admission import mismatch, refusal, shortages
from tests.unit.kubelet.views import a_container, a_pod, a_sidecar

ALLOCATABLE = {"cpu": "4", "memory": "8Gi", "pods": "110"}


def asks(cpu: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}}


def test_init_containers_and_sidecars_count_at_the_door_as_they_run_together() -> None:
    main = a_container("main", **asks("1"))
    fits = a_pod(main, init=(a_sidecar("side", **asks("1")), a_container("init", **asks("3"))))
    assert refusal(fits, [], ALLOCATABLE, None) is None
    too_much = a_pod(main, init=(a_sidecar("side", **asks("2")), a_container("init", **asks("3"))))
    assert refusal(too_much, [], ALLOCATABLE, None) == (
        "OutOfcpu",
        "Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
    )


LACKS = "Node didn't have enough resource: "
ROOMY = {**ALLOCATABLE, "ephemeral-storage": "1Gi", "example.com/gpu": "2"}


@pytest.mark.parametrize(
    ("name", "taken", "asked", "why"),
    [
        ("cpu", "1500m", "2501m", "cpu, requested: 2501, used: 1500, capacity: 4000"),
        ("memory", "1Gi", "8Gi", "memory, requested: 8589934592, used: 1073741824, capacity: 8589934592"),
        (
            "ephemeral-storage",
            "1Ki",
            "1Gi",
            "ephemeral-storage, requested: 1073741824, used: 1024, capacity: 1073741824",
        ),
        ("example.com/gpu", "1", "2", "example.com/gpu, requested: 2, used: 1, capacity: 2"),
        ("hugepages-2Mi", "0", "2Mi", "hugepages-2Mi, requested: 2097152, used: 0, capacity: 0"),
    ],
)
def test_what_the_node_lacks_is_told_with_what_others_have(name: str, taken: str, asked: str, why: str) -> None:
    def of(amount: str) -> Any:
        return a_pod(a_container("main", resources={"requests": {name: amount}}))

    assert refusal(of(asked), [of(taken)], ROOMY, None) == (f"OutOf{name}", LACKS + why)
    assert refusal(of(taken), [of(taken)], ROOMY, None) is None


def test_a_node_that_has_all_its_pods_takes_no_other() -> None:
    why = f"{LACKS}pods, requested: 1, used: 2, capacity: 2"
    assert refusal(a_pod(), [a_pod(), a_pod()], {**ALLOCATABLE, "pods": "2"}, None) == ("OutOfpods", why)


@pytest.mark.parametrize(
    ("spec", "reason", "why"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, "NodeAffinity", "node(s) didn't match Pod's node affinity/selector"),
        ({"tolerations": []}, "TaintToleration", "node(s) had taints that the pod didn't tolerate"),
    ],
)
def test_what_is_wrong_with_the_node_for_a_pod_is_told(spec: dict[str, Any], reason: str, why: str) -> None:
    taint = {"key": "k", "effect": "NoExecute"}
    node = {"metadata": {"name": "n", "labels": {"disk": "hdd"}}, "spec": {"taints": [taint]}}
    assert refusal(a_pod(**spec), [], ALLOCATABLE, node) == (reason, f"Predicate {reason} failed: {why}")
    suits = a_pod(nodeSelector={"disk": "hdd"}, tolerations=[{"key": "k", "operator": "Exists"}])
    assert refusal(suits, [], ALLOCATABLE, node) is None


def test_a_taken_host_port_is_told() -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}
    pod = a_pod(a_container("main", **port))
    why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    assert refusal(pod, [pod], ALLOCATABLE, None) == ("NodePorts", why)


def test_a_pod_whose_label_is_of_another_operating_system_is_refused() -> None:
    def labelled(system: str) -> Any:
        pod = a_pod()
        return pod | {"metadata": {**pod["metadata"], "labels": {"kubernetes.io/os": system}}}

    assert refusal(labelled("linux"), [], ALLOCATABLE, None) is None
    assert refusal(labelled("windows"), [], ALLOCATABLE, None) == (
        "PodOSSelectorNodeLabelDoesNotMatch",
        "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    )


def test_a_sidecars_host_port_is_taken_like_any_other() -> None:
    port = {"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}
    other = a_pod(init=(a_sidecar("side", **port),))
    found = refusal(a_pod(a_container("main", **port)), [other], ALLOCATABLE, None)
    assert found is not None and found[0] == "NodePorts"


def test_a_resource_that_nothing_here_hands_out_is_left_to_the_scheduler() -> None:
    asking = a_pod(a_container("main", resources={"requests": {"example.com/scarce": "2"}}))
    assert refusal(asking, [], ALLOCATABLE, None) is None
    found = refusal(asking, [], {**ALLOCATABLE, "example.com/scarce": "1"}, None)
    assert found is not None and found[0] == "OutOfexample.com/scarce"


def test_all_that_is_missing_is_found_and_a_mismatch_is_told_apart() -> None:
    asking = a_pod(a_container("main", resources={"requests": {"cpu": "5", "memory": "1Gi"}}), nodeSelector={"a": "b"})
    found = shortages(asking, [a_pod()], {**ALLOCATABLE, "pods": "1", "memory": "512Mi"})
    assert {each.resource: each.missing for each in found} == {"pods": 1, "cpu": 1000, "memory": 512 << 20}
    node = {"metadata": {"name": "n"}}
    refused, unfit = refusal(asking, [], ALLOCATABLE, node), mismatch(asking, [], node)
    assert refused is not None and refused[0] == "OutOfcpu"
    assert unfit is not None and unfit[0] == "NodeAffinity"
