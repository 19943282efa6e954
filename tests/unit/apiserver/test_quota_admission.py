"""Quotas at the API server: who is charged, when nobody is, and in which order a count and a charge come."""

import asyncio
from typing import Any

import pytest

from podbay.api.resources import RESOURCE_QUOTAS, Resource
from podbay.apiserver.storage.entry import Entry
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod

QUOTAS = "/api/v1/namespaces/default/resourcequotas"
MERGE = "application/merge-patch+json"


async def make_quota(api: Api, name: str = "q", **hard: str) -> Any:
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}}
    made = await api.create(QUOTAS, body)
    assert made["status"] == {}
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    return await api.call("PUT", f"{QUOTAS}/{name}/status", {**made, "status": status})


async def used(api: Api, name: str = "q") -> Any:
    return (await api.call("GET", f"{QUOTAS}/{name}"))["status"]["used"]


async def test_a_dry_run_is_refused_like_any_other_and_charged_to_nobody(api: Api) -> None:
    await make_quota(api, pods="1")
    await api.call("POST", f"{PODS}?dryRun=All", pod("p"), status=201)
    assert await used(api) == {"pods": "0"}
    await api.create(PODS, pod("p"))
    answer = await api.call("POST", f"{PODS}?dryRun=All", pod("other"), status=403)
    assert answer["message"] == (
        'pods "other" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    )
    assert answer["details"] == {"name": "other", "kind": "pods"}


async def test_an_invalid_object_is_charged_to_nobody(api: Api) -> None:
    await make_quota(api, pods="1")
    await api.call("POST", PODS, pod("p", containers=[]), status=422)
    assert await used(api) == {"pods": "0"}


async def test_many_at_once_get_what_there_is_and_no_more(api: Api) -> None:
    await make_quota(api, configmaps="5")
    answers = await asyncio.gather(*(api.send("POST", MAPS, config_map(f"m{i}")) for i in range(25)))
    assert sorted(answer.status for answer in answers) == [201] * 5 + [403] * 20
    assert await used(api) == {"configmaps": "5"}


async def test_events_and_other_namespaces_are_not_counted(api: Api) -> None:
    await make_quota(api, "q", **{"count/events": "0", "configmaps": "0"})
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"namespace": "default"},
    }
    await api.create("/api/v1/namespaces/default/events", event)
    await api.create("/api/v1/namespaces/kube-public/configmaps", config_map("m"))


async def test_a_quota_counts_against_another_one(api: Api) -> None:
    await make_quota(api, resourcequotas="1")
    await make_quota(api, "second", pods="1")
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "third"}, "spec": {}}
    answer = await api.call("POST", QUOTAS, body, status=403)
    assert answer["message"].startswith('resourcequotas "third" is forbidden: exceeded quota: q, requested:')


async def test_the_status_is_written_through_the_subresource_alone(api: Api) -> None:
    made = await make_quota(api, pods="1")
    made["status"]["used"] = {"pods": "7"}
    made["spec"]["hard"] = {"pods": "3"}
    changed = await api.call("PUT", f"{QUOTAS}/q", made)
    assert (changed["spec"]["hard"], changed["status"]["used"]) == ({"pods": "3"}, {"pods": "0"})
    told = {"spec": {"hard": {"pods": "9"}}, "status": {"used": {"pods": "2"}}}
    changed = await api.call("PATCH", f"{QUOTAS}/q/status", told, media=MERGE)
    assert (changed["spec"]["hard"], changed["status"]["used"]) == ({"pods": "3"}, {"pods": "2"})


async def test_a_count_that_a_charge_came_before_is_refused(api: Api) -> None:
    counted = await make_quota(api, configmaps="5")
    await api.create(MAPS, config_map("m"))
    await api.call("PUT", f"{QUOTAS}/q/status", counted, status=409)
    assert await used(api) == {"configmaps": "1"}


async def test_a_quota_that_goes_is_returned_and_limits_nothing_more(api: Api) -> None:
    await make_quota(api, configmaps="0")
    await api.call("POST", MAPS, config_map("m"), status=403)
    assert (await api.call("DELETE", f"{QUOTAS}/q"))["kind"] == "ResourceQuota"
    await api.create(MAPS, config_map("m"))


async def test_a_count_is_written_when_no_charged_object_is_on_its_way_into_the_store(api: Api) -> None:
    quota = await make_quota(api, pods="1")
    async with api.server.objects.gates.creating("default"):
        writing = asyncio.ensure_future(api.call("PUT", f"{QUOTAS}/q/status", quota))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not writing.done()
    assert (await writing)["metadata"]["resourceVersion"] == quota["metadata"]["resourceVersion"]


async def test_a_quota_that_goes_while_it_is_charged_limits_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_quota(api, configmaps="5")
    objects = api.server.objects
    update = objects.update

    async def too_late(resource: Resource, old: Entry, obj: Any) -> Entry:
        await objects.delete(resource, old)
        return await update(resource, old, obj)

    monkeypatch.setattr(objects, "update", too_late)
    await api.create(MAPS, config_map("m"))


async def test_a_quota_that_never_stands_still_is_a_conflict(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_quota(api, configmaps="5")
    objects = api.server.objects
    update = objects.update

    async def too_late(resource: Resource, old: Entry, obj: Any) -> Entry:
        newer = old.object()
        newer["metadata"]["labels"] = {"version": str(old.revision)}
        await update(resource, old, newer)
        return await update(resource, old, obj)

    monkeypatch.setattr(objects, "update", too_late)
    answer = await api.call("POST", MAPS, config_map("m"), status=409)
    assert answer["message"].startswith('Operation cannot be fulfilled on resourcequotas "q": the object has been')
    assert answer["details"]["kind"] == RESOURCE_QUOTAS.plural
    assert await used(api) == {"configmaps": "0"}
