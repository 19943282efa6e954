"""Eviction: a deletion that tells on the pod that somebody asked it to go."""

from typing import Any

from tests.unit.apiserver.support import PODS, Api, pod

EVICTION: dict[str, Any] = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}


async def running(api: Api) -> dict[str, Any]:
    made = await api.create(PODS, pod("web", nodeName="n"))
    return dict(made)


async def test_an_evicted_pod_ends_with_its_grace_period_and_says_why(api: Api) -> None:
    await running(api)
    status = await api.create(f"{PODS}/web/eviction", EVICTION)
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Success", 201)
    evicted = await api.call("GET", f"{PODS}/web")
    assert evicted["metadata"]["deletionGracePeriodSeconds"] == 30
    (condition,) = evicted["status"]["conditions"]
    del condition["lastTransitionTime"]
    assert condition == {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
    }


async def test_delete_options_are_heard(api: Api) -> None:
    made = await running(api)
    other = {**EVICTION, "deleteOptions": {"preconditions": {"uid": "other"}}}
    await api.call("POST", f"{PODS}/web/eviction", other, status=409)
    assert "conditions" not in (await api.call("GET", f"{PODS}/web"))["status"]
    meant = {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}
    options = {"gracePeriodSeconds": 0, "preconditions": meant}
    await api.create(f"{PODS}/web/eviction", {**EVICTION, "deleteOptions": options})
    await api.call("GET", f"{PODS}/web", status=404)


async def test_a_dry_run_evicts_nobody(api: Api) -> None:
    before = await running(api)
    await api.create(f"{PODS}/web/eviction?dryRun=All", EVICTION)
    await api.create(f"{PODS}/web/eviction", {**EVICTION, "deleteOptions": {"dryRun": ["All"]}})
    assert await api.call("GET", f"{PODS}/web") == before


async def test_a_pod_that_is_ending_already_is_left_as_it_is(api: Api) -> None:
    await running(api)
    await api.call("DELETE", f"{PODS}/web")
    await api.create(f"{PODS}/web/eviction", EVICTION)
    assert "conditions" not in (await api.call("GET", f"{PODS}/web"))["status"]


async def test_the_names_must_be_the_same_and_the_pod_must_be_there(api: Api) -> None:
    refused = await api.call("POST", f"{PODS}/other/eviction", EVICTION, status=400)
    assert refused["message"] == "name in URL does not match name in Eviction object"
    await api.call("POST", f"{PODS}/web/eviction", EVICTION, status=404)


async def test_discovery_tells_whose_kind_an_eviction_is(api: Api) -> None:
    found = {r["name"]: r for r in (await api.call("GET", "/api/v1"))["resources"]}["pods/eviction"]
    assert (found["group"], found["version"], found["kind"]) == ("policy", "v1", "Eviction")
