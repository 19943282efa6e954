"""The subresource ``resize`` of pods: what it changes, and what it refuses."""

from typing import Any

import pytest

from tests.unit.apiserver.support import PODS, Api, pod

STRATEGIC = "application/strategic-merge-patch+json"
BOTH = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


def sized(resources: dict[str, Any] = BOTH, **container: Any) -> dict[str, Any]:
    return pod("web", containers=[{"name": "c", "image": "i", "resources": resources, **container}])


async def resize(api: Api, resources: dict[str, Any], *, status: int = 200, kind: str = "containers") -> Any:
    body = {"spec": {kind: [{"name": "c" if kind == "containers" else "s", "resources": resources}]}}
    return await api.call("PATCH", f"{PODS}/web/resize", body, media=STRATEGIC, status=status)


async def test_a_resize_changes_amounts_and_counts_as_a_new_generation(api: Api) -> None:
    await api.create(PODS, sized())
    changed = await resize(api, {"requests": {"cpu": "500m"}})
    assert changed["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert changed["metadata"]["generation"] == 2
    assert (await resize(api, {"requests": {"cpu": "500m"}}))["metadata"]["generation"] == 2
    assert (await api.call("GET", f"{PODS}/web/resize"))["spec"] == changed["spec"]


async def test_nothing_else_changes_by_the_way(api: Api) -> None:
    made = await api.create(PODS, sized())
    made["metadata"]["labels"] = {"new": "label"}
    made["spec"]["containers"][0] |= {
        "image": "other",
        "resources": {**BOTH, "requests": {"cpu": "2", "memory": "1Gi"}},
    }
    made["spec"]["hostname"] = "other"
    changed = await api.call("PUT", f"{PODS}/web/resize", made)
    assert changed["spec"]["containers"][0]["image"] == "i" and "hostname" not in changed["spec"]
    assert "new" not in changed["metadata"].get("labels", {})
    assert changed["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "2"


async def test_amounts_change_only_through_it(api: Api) -> None:
    await api.create(PODS, sized())
    body = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}
    refused = await api.call("PATCH", f"{PODS}/web", body, media=STRATEGIC, status=422)
    assert "pod updates may not change fields other than" in refused["message"]


@pytest.mark.parametrize(
    ("made", "wanted", "why"),
    [
        ({}, {"requests": {"cpu": "1"}}, "Pod QOS Class may not change as a result of resizing"),
        (BOTH, {"requests": {"cpu": "2", "memory": "2Gi"}}, "Pod QOS Class may not change as a result of resizing"),
        (BOTH, {"limits": {"cpu": None}}, "spec.containers[0].resources.limits: Forbidden: resource limits cannot be"),
        (BOTH, {"requests": {"cpu": "3"}}, "must be less than or equal to cpu limit of 2"),
        (
            BOTH,
            {"limits": {"memory": "1Gi"}},
            "spec.containers[0].resources.limits[memory]: Forbidden: memory limits cannot be decreased unless"
            " resizePolicy is RestartContainer",
        ),
        (
            {"requests": {"memory": "1Gi"}},
            {"limits": {"memory": "2Gi"}},
            "memory limits cannot be added unless resizePolicy is RestartContainer",
        ),
        (
            BOTH,
            {"requests": {"ephemeral-storage": "1Gi"}},
            "spec: Forbidden: only cpu and memory resources are mutable",
        ),
    ],
)
async def test_what_cannot_be_is_refused_in_upstreams_words(api: Api, made: Any, wanted: Any, why: str) -> None:
    await api.create(PODS, sized(made))
    assert why in (await resize(api, wanted, status=422))["message"]


async def test_requests_cannot_be_removed(api: Api) -> None:
    await api.create(PODS, sized({"requests": {"cpu": "1", "memory": "1Gi"}}))
    refused = await resize(api, {"requests": {"cpu": None}}, status=422)
    assert "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed" in refused["message"]


async def test_a_memory_limit_may_shrink_where_the_container_restarts_for_it(api: Api) -> None:
    await api.create(PODS, sized(resizePolicy=[{"resourceName": "memory", "restartPolicy": "RestartContainer"}]))
    await resize(api, {"limits": {"memory": "1536Mi"}})


async def test_containers_and_policies_stay(api: Api) -> None:
    made = await api.create(PODS, sized())
    more = {"spec": {"containers": [{"name": "d", "image": "i"}]}}
    refused = await api.call("PATCH", f"{PODS}/web/resize", more, media=STRATEGIC, status=422)
    assert "spec.containers: Forbidden" in refused["message"]
    made["spec"]["containers"][0]["resizePolicy"] = [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]
    refused = await api.call("PUT", f"{PODS}/web/resize", made, status=422)
    assert "only cpu and memory resources are mutable" in refused["message"]


async def test_sidecars_can_be_resized_and_other_init_containers_cannot(api: Api) -> None:
    obj = sized()
    obj["spec"]["initContainers"] = [{"name": "s", "image": "i", "restartPolicy": "Always", "resources": BOTH}]
    await api.create(PODS, obj)
    await resize(api, {"requests": {"cpu": "500m"}}, kind="initContainers")
    obj["metadata"]["name"] = "once"
    del obj["spec"]["initContainers"][0]["restartPolicy"]
    await api.create(PODS, obj)
    body = {"spec": {"initContainers": [{"name": "s", "resources": {"requests": {"cpu": "500m"}}}]}}
    refused = await api.call("PATCH", f"{PODS}/once/resize", body, media=STRATEGIC, status=422)
    assert "resources for non-sidecar init containers are immutable" in refused["message"]


async def test_a_static_pod_and_one_on_a_node_that_cannot_are_not_resized(api: Api) -> None:
    static = sized()
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    await api.create(PODS, {**static, "spec": {**static["spec"], "nodeName": "n"}})
    assert "static pods cannot be resized" in (await resize(api, {"requests": {"cpu": "500m"}}, status=422))["message"]
    await api.create(PODS, {**sized(), "metadata": {"name": "old"}})
    told = {"status": {"containerStatuses": [{"name": "c", "state": {"running": {}}, "ready": True, "image": "i"}]}}
    await api.call("PATCH", f"{PODS}/old/status", told, media=STRATEGIC)
    body = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}
    refused = await api.call("PATCH", f"{PODS}/old/resize", body, media=STRATEGIC, status=422)
    assert "Pod running on node without support for resize" in refused["message"]


@pytest.mark.parametrize(
    ("policy", "pods", "why"),
    [
        ([{"resourceName": "disk", "restartPolicy": "NotRequired"}], "Always", 'supported values: "cpu", "memory"'),
        ([{"resourceName": "cpu", "restartPolicy": "Maybe"}], "Always", '"NotRequired", "RestartContainer"'),
        ([{"resourceName": "cpu", "restartPolicy": "NotRequired"}] * 2, "Always", "resizePolicy[1]: Duplicate value"),
        (
            [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}],
            "Never",
            "must be 'NotRequired' when `restartPolicy` is 'Never'",
        ),
    ],
)
async def test_policies_name_resources_once_and_say_what_can_be(api: Api, policy: Any, pods: str, why: str) -> None:
    obj = sized(resizePolicy=policy)
    obj["spec"]["restartPolicy"] = pods
    assert why in (await api.call("POST", PODS, obj, status=422))["message"]
