"""Deletion: grace, finalizers, preconditions, dry run, collections and namespaces."""

import asyncio
from typing import Any

import pytest

from podbay.store.interface import KeyValue
from podbay.wire.times import format_time
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod


async def test_an_unscheduled_pod_goes_at_once(api: Api) -> None:
    await api.create(PODS, pod("web"))
    await api.call("DELETE", f"{PODS}/web")
    await api.call("GET", f"{PODS}/web", status=404)


async def test_a_bound_pod_is_marked_with_its_own_grace_period_and_goes_at_grace_zero(api: Api) -> None:
    await api.create(PODS, pod("web", nodeName="n"))
    marked = await api.call("DELETE", f"{PODS}/web")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert marked["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    await api.call("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 0})
    await api.call("GET", f"{PODS}/web", status=404)


async def test_a_later_deletion_only_shortens(api: Api) -> None:
    await api.create(PODS, pod("web", nodeName="n"))
    await api.call("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 20})
    longer = await api.call("DELETE", f"{PODS}/web", {"gracePeriodSeconds": 90})
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 20
    shorter = await api.call("DELETE", f"{PODS}/web?gracePeriodSeconds=5")
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    assert shorter["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:05Z"


async def test_a_finalizer_holds_an_object_until_it_is_taken_away(api: Api) -> None:
    obj = config_map("held")
    obj["metadata"]["finalizers"] = ["example.com/hold"]
    await api.create(MAPS, obj)
    marked = await api.call("DELETE", f"{MAPS}/held")
    assert marked["metadata"]["deletionTimestamp"]
    patch = {"metadata": {"finalizers": None}}
    await api.call("PATCH", f"{MAPS}/held", patch, media="application/merge-patch+json")
    await api.call("GET", f"{MAPS}/held", status=404)


async def test_preconditions_hold_a_deletion_back(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    refused = await api.call("DELETE", f"{MAPS}/a", {"preconditions": {"uid": "other"}}, status=409)
    assert refused["reason"] == "Conflict"
    assert "the UID in the precondition (other) does not match the UID in record (" in refused["message"]
    gone = await api.call("DELETE", f"{MAPS}/a", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert gone["status"] == "Success"
    assert gone["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}


async def test_a_dry_run_deletes_nothing_wherever_it_is_asked_for(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    await api.call("DELETE", f"{MAPS}/a?dryRun=All")
    await api.call("DELETE", f"{MAPS}/a", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})
    await api.call("DELETE", MAPS, {"dryRun": ["All"]})
    await api.call("GET", f"{MAPS}/a")


async def test_an_unknown_propagation_policy_is_refused(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    refused = await api.call("DELETE", f"{MAPS}/a", {"propagationPolicy": "Sideways"}, status=422)
    assert refused["details"]["causes"][0]["field"] == "propagationPolicy"


async def test_a_collection_loses_what_is_selected_and_nothing_in_another_namespace(api: Api) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    for name, env in (("a", "prod"), ("b", "prod"), ("c", "dev")):
        await api.create(MAPS, config_map(name, labels={"env": env}))
    await api.create("/api/v1/namespaces/other/configmaps", config_map("a", labels={"env": "prod"}))
    listed = await api.call("DELETE", f"{MAPS}?labelSelector=env%3Dprod")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
    left = await api.call("GET", "/api/v1/configmaps")
    assert [(i["metadata"]["namespace"], i["metadata"]["name"]) for i in left["items"]] == [
        ("default", "c"),
        ("other", "a"),
    ]


async def test_nothing_is_created_in_a_namespace_that_is_going_and_finalizing_ends_it(api: Api) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": "going"}})
    going = await api.call("DELETE", "/api/v1/namespaces/going")
    assert going["status"]["phase"] == "Terminating"
    refused = await api.call("POST", "/api/v1/namespaces/going/pods", pod("late"), status=403)
    assert refused["message"] == (
        'pods "late" is forbidden: unable to create new content in namespace going because it is being terminated'
    )
    assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    body = {"metadata": {"name": "going"}, "spec": {"finalizers": []}}
    await api.call("PUT", "/api/v1/namespaces/going/finalize", body)
    await api.call("GET", "/api/v1/namespaces/going", status=404)


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_the_clusters_own_namespaces_stay(api: Api, name: str) -> None:
    await api.call("DELETE", f"/api/v1/namespaces/{name}", status=403)


async def test_a_second_deletion_without_a_period_leaves_the_first_ones(api: Api) -> None:
    await api.create(PODS, pod("a", nodeName="n", terminationGracePeriodSeconds=10))
    await api.call("DELETE", f"{PODS}/a", {"gracePeriodSeconds": 60})
    assert (await api.call("DELETE", f"{PODS}/a"))["metadata"]["deletionGracePeriodSeconds"] == 60


async def test_a_period_that_has_passed_already_becomes_a_second(api: Api) -> None:
    await api.create(PODS, pod("a", nodeName="n"))
    first = (await api.call("DELETE", f"{PODS}/a", {"gracePeriodSeconds": 60}))["metadata"]
    await api.clock.advance(30)
    second = (await api.call("DELETE", f"{PODS}/a", {"gracePeriodSeconds": 5}))["metadata"]
    assert second["deletionGracePeriodSeconds"] == 1
    assert second["deletionTimestamp"] < first["deletionTimestamp"]
    assert second["deletionTimestamp"] >= format_time(api.clock.now())


async def test_a_deletion_is_a_change_of_what_is_wanted(api: Api) -> None:
    await api.create(PODS, pod("a", nodeName="n"))
    assert (await api.call("GET", f"{PODS}/a"))["metadata"]["generation"] == 1
    assert (await api.call("DELETE", f"{PODS}/a"))["metadata"]["generation"] == 2


async def test_a_dry_run_of_a_graceful_deletion_shows_the_mark(api: Api) -> None:
    await api.create(PODS, pod("a", nodeName="n"))
    shown = await api.call("DELETE", f"{PODS}/a", {"dryRun": ["All"]})
    assert shown["metadata"]["deletionGracePeriodSeconds"] == 30
    assert "deletionTimestamp" not in (await api.call("GET", f"{PODS}/a"))["metadata"]


async def test_who_asks_for_dependents_to_go_is_told_that_it_only_began(api: Api) -> None:
    held = config_map("a")
    held["metadata"]["finalizers"] = ["example.com/f"]
    await api.create(MAPS, held)
    await api.call("DELETE", f"{MAPS}/a", {"orphanDependents": False}, status=202)


async def test_a_collection_loses_no_more_than_its_limit(api: Api) -> None:
    for name in "abcd":
        await api.create(MAPS, config_map(name))
    gone = await api.call("DELETE", f"{MAPS}?limit=2")
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "b"]
    rest = await api.call("GET", MAPS)
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c", "d"]
    await api.call("DELETE", f"{MAPS}?continue={gone['metadata']['continue']}")
    assert (await api.call("GET", MAPS))["items"] == []


async def test_nothing_is_stored_in_a_namespace_once_it_is_going(api: Api) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": "n"}})
    maps = "/api/v1/namespaces/n/configmaps"
    put = api.store.put
    arrived, may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(key: str, *arguments: Any, **options: Any) -> KeyValue:
        if key.endswith("/early"):
            arrived.set()
            await may_go_on.wait()
        return await put(key, *arguments, **options)

    api.store.put = slow  # type: ignore[method-assign]
    early = asyncio.ensure_future(api.call("POST", maps, config_map("early"), status=201))
    await arrived.wait()
    deleting = asyncio.ensure_future(api.call("DELETE", "/api/v1/namespaces/n"))
    await asyncio.sleep(0)
    late = asyncio.ensure_future(api.call("POST", maps, config_map("late"), status=403))
    elsewhere = asyncio.ensure_future(api.call("POST", MAPS, config_map("elsewhere"), status=201))
    await elsewhere
    assert not deleting.done() and not late.done()
    may_go_on.set()
    made, going, refused = await early, await deleting, await late
    assert int(made["metadata"]["resourceVersion"]) < int(going["metadata"]["resourceVersion"])
    assert "because it is being terminated" in refused["message"]
    gates = api.server.objects.gates
    assert not gates._inside and not gates._closed
