from typing import Any

import pytest

from podbay.apiserver.runtime_class import merge_tolerations
from tests.unit.apiserver.support import PODS, Api, pod

CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


async def make(api: Api, name: str, **more: Any) -> None:
    body = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "h", **more}
    await api.create(CLASSES, body)


async def refusal(api: Api, **spec: Any) -> str:
    answer = await api.call("POST", PODS, pod("p", **spec), status=403)
    assert answer["reason"] == "Forbidden"
    return str(answer["message"])


async def test_a_pod_of_a_class_that_is_not_there_is_refused(api: Api) -> None:
    told = await refusal(api, runtimeClassName="none")
    assert told == 'pods "p" is forbidden: pod rejected: RuntimeClass "none" not found'


async def test_a_pod_gets_the_overhead_selector_and_tolerations_of_its_class(api: Api) -> None:
    toleration = {"key": "sandboxed", "operator": "Exists", "effect": "NoSchedule"}
    scheduling = {"nodeSelector": {"kind": "vm"}, "tolerations": [toleration]}
    await make(api, "vm", overhead={"podFixed": {"cpu": "10m", "memory": "1Mi"}}, scheduling=scheduling)
    made = await api.create(PODS, pod("p", runtimeClassName="vm", nodeSelector={"disk": "ssd"}))
    assert made["spec"]["overhead"] == {"cpu": "10m", "memory": "1Mi"}
    assert made["spec"]["nodeSelector"] == {"disk": "ssd", "kind": "vm"}
    assert toleration in made["spec"]["tolerations"]


async def test_a_class_without_overhead_gives_none(api: Api) -> None:
    await make(api, "plain")
    assert "overhead" not in (await api.create(PODS, pod("p", runtimeClassName="plain")))["spec"]


async def test_nobody_else_sets_the_overhead(api: Api) -> None:
    await make(api, "vm", overhead={"podFixed": {"cpu": "10m"}})
    told = await refusal(api, overhead={"cpu": "10m"})
    assert told.endswith("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
    told = await refusal(api, overhead={"cpu": "20m"}, runtimeClassName="vm")
    assert told.endswith("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    await api.create(PODS, pod("p", overhead={"cpu": "0.01"}, runtimeClassName="vm"))


async def test_a_selector_that_contradicts_the_class_is_refused(api: Api) -> None:
    await make(api, "vm", scheduling={"nodeSelector": {"kind": "vm"}})
    told = await refusal(api, runtimeClassName="vm", nodeSelector={"kind": "metal"})
    assert told.endswith(
        "conflict: runtimeClass.scheduling.nodeSelector[kind] = vm; pod.spec.nodeSelector[kind] = metal"
    )


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ([], [], []),
        (
            [{"key": "a", "operator": "Exists"}],
            [{"key": "a", "operator": "Exists"}],
            [{"key": "a", "operator": "Exists"}],
        ),
        ([{"key": "a", "operator": "Equal", "value": "x"}], [{"operator": "Exists"}], [{"operator": "Exists"}]),
        (
            [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}],
            [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
            [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}],
        ),
        (
            [{"key": "a", "operator": "Exists", "effect": "NoExecute"}],
            [{"key": "b", "operator": "Exists", "effect": "NoExecute"}],
            [
                {"key": "a", "operator": "Exists", "effect": "NoExecute"},
                {"key": "b", "operator": "Exists", "effect": "NoExecute"},
            ],
        ),
    ],
)
def test_tolerations_that_others_cover_are_left_out(
    first: list[dict[str, Any]], second: list[dict[str, Any]], merged: list[dict[str, Any]]
) -> None:
    assert merge_tolerations(first, second) == merged


async def test_a_put_makes_a_class_that_is_missing_and_changes_none_unseen(api: Api) -> None:
    body = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "vm"}, "handler": "h"}
    await api.call("PUT", f"{CLASSES}/vm", body, status=201)
    answer = await api.call("PUT", f"{CLASSES}/vm", body, status=422)
    assert answer["message"].endswith("metadata.resourceVersion: Invalid value: 0x0: must be specified for an update")


async def test_no_class_has_an_empty_name_and_no_overhead_is_empty(api: Api) -> None:
    assert (await refusal(api, runtimeClassName="")).endswith('pod rejected: RuntimeClass "" not found')
    await make(api, "hollow", overhead={})
    assert "overhead" not in (await api.create(PODS, pod("p", runtimeClassName="hollow", overhead={})))["spec"]
