"""Lists: pages of one revision, versions, selectors and representations."""

import asyncio

import pytest

from podbay.apiserver.verbs import read
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod


async def fill(api: Api, count: int) -> None:
    for index in range(count):
        await api.create(MAPS, config_map(f"m{index}", labels={"odd": str(index % 2)}))


async def test_pages_are_of_one_revision_and_tell_how_much_is_left(api: Api) -> None:
    await fill(api, 5)
    first = await api.call("GET", f"{MAPS}?limit=2")
    assert first["metadata"]["remainingItemCount"] == 3
    await api.call("DELETE", f"{MAPS}/m3")
    await api.create(MAPS, config_map("m9"))
    second = await api.call("GET", f"{MAPS}?limit=2&continue={first['metadata']['continue']}")
    third = await api.call("GET", f"{MAPS}?limit=2&continue={second['metadata']['continue']}")
    names = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
    assert names == ["m0", "m1", "m2", "m3", "m4"]
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first["metadata"]["resourceVersion"]
    }
    assert "continue" not in third["metadata"]


async def test_pages_of_a_selection_skip_what_is_not_selected(api: Api) -> None:
    await fill(api, 6)
    first = await api.call("GET", f"{MAPS}?limit=2&labelSelector=odd%3D1")
    assert "remainingItemCount" not in first["metadata"]
    rest = await api.call("GET", f"{MAPS}?limit=2&labelSelector=odd%3D1&continue={first['metadata']['continue']}")
    assert [i["metadata"]["name"] for i in first["items"] + rest["items"]] == ["m1", "m3", "m5"]


async def test_a_page_whose_revision_is_compacted_is_gone(api: Api) -> None:
    await fill(api, 3)
    first = await api.call("GET", f"{MAPS}?limit=1")
    await api.create(MAPS, config_map("later"))
    await api.store.compact(await api.store.current_revision())
    gone = await api.call("GET", f"{MAPS}?limit=1&continue={first['metadata']['continue']}", status=410)
    assert gone["reason"] == "Expired"


async def test_an_exact_version_shows_the_past(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    await api.create(MAPS, config_map("b"))
    version = made["metadata"]["resourceVersion"]
    listed = await api.call("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert listed["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch"),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422, "resourceVersionMatch"),
        ("resourceVersion=1&resourceVersionMatch=Nearly", 422, "resourceVersionMatch"),
        ("resourceVersion=many", 400, ""),
        ("continue=!!!", 400, ""),
        ("labelSelector=a%3D%3D%3Db", 400, ""),
        ("fieldSelector=data.x%3Db", 400, ""),
    ],
)
async def test_options_that_do_not_make_sense_are_refused(api: Api, query: str, status: int, field: str) -> None:
    refused = await api.call("GET", f"{MAPS}?{query}", status=status)
    assert refused["reason"] == ("Invalid" if status == 422 else "BadRequest")
    if field:
        assert refused["details"]["causes"][0]["field"] == field


async def test_fields_select_pods_of_a_node(api: Api) -> None:
    await api.create(PODS, pod("here", nodeName="n"))
    await api.create(PODS, pod("nowhere"))
    listed = await api.call("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["here"]


async def test_a_list_comes_as_a_table_or_as_metadata_only(api: Api) -> None:
    await api.create(PODS, pod("web"))
    table = await api.call("GET", PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    assert table["kind"] == "Table"
    assert table["rows"][0]["cells"][:2] == ["web", "0/1"]
    partial = await api.call("GET", PODS, accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert partial["kind"] == "PartialObjectMetadataList"
    assert set(partial["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_a_long_table_is_whole_and_in_order(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_SLICE", 2)
    await fill(api, 5)
    table = await api.call("GET", MAPS, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [row["cells"][0] for row in table["rows"]] == ["m0", "m1", "m2", "m3", "m4"]
    empty = await api.call("GET", f"{MAPS}?labelSelector=no", accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert (empty["kind"], empty["rows"]) == ("Table", [])


async def test_events_are_one_object_under_both_groups_for_an_hour(api: Api) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
        "message": "it is so",
        "reason": "Said",
        "type": "Normal",
    }
    made = await api.create("/api/v1/namespaces/default/events", event)
    other = await api.call("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e")
    assert other["metadata"] == made["metadata"]
    assert (other["note"], other["regarding"]["name"]) == ("it is so", "web")
    await api.clock.advance(3601)
    await api.call("GET", "/api/v1/namespaces/default/events/e", status=404)


async def test_an_expired_token_brings_one_that_goes_on_in_the_present(api: Api) -> None:
    for name in "abcd":
        await api.create(MAPS, config_map(name))
    page = await api.call("GET", f"{MAPS}?limit=2")
    await api.create(MAPS, config_map("cc"))
    await api.store.compact(await api.store.current_revision())
    gone = await api.call("GET", f"{MAPS}?limit=2&continue={page['metadata']['continue']}", status=410)
    assert gone["reason"] == "Expired"
    assert gone["message"].startswith("The provided continue parameter is too old to display a consistent list result.")
    rest = await api.call("GET", f"{MAPS}?limit=2&continue={gone['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c", "cc"]
    assert rest["metadata"]["remainingItemCount"] == 1
    last = await api.call("GET", f"{MAPS}?limit=2&continue={rest['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in last["items"]] == ["d"]


async def test_an_exact_version_that_is_compacted_is_gone(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    await api.create(MAPS, config_map("b"))
    await api.store.compact(await api.store.current_revision())
    version = made["metadata"]["resourceVersion"]
    gone = await api.call("GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact", status=410)
    assert gone["message"] == "The resourceVersion for the provided list is too old."


async def test_a_version_to_come_is_waited_for_and_then_too_large(api: Api) -> None:
    task = asyncio.ensure_future(api.call("GET", f"{MAPS}?resourceVersion=999", status=504))
    await api.clock.advance(3)
    refused = await task
    assert refused["reason"] == "Timeout"
    assert refused["message"].startswith("Timeout: Too large resource version: 999, current: ")
    assert refused["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]
    assert refused["details"]["retryAfterSeconds"] == 1
