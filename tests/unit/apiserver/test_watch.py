"""Watches: order, resumption, selectors, bookmarks, ends, and readers that do not read."""

import asyncio

import pytest

from podbay.api import resources
from podbay.apiserver.verbs import watch as watch_module
from podbay.store.interface import Revision
from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod

MERGE = "application/merge-patch+json"


async def test_a_watch_resumes_after_the_version_it_names(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    await api.create(MAPS, config_map("b"))
    await api.call("DELETE", f"{MAPS}/a")
    frames = await api.watch(f"{MAPS}?watch=true&resourceVersion={made['metadata']['resourceVersion']}")
    assert await frames.names(2) == [("ADDED", "b"), ("DELETED", "a")]


async def test_a_deletion_carries_the_version_of_the_deletion(api: Api) -> None:
    made = await api.create(MAPS, config_map("a"))
    frames = await api.watch(f"{MAPS}?watch=1&resourceVersion={made['metadata']['resourceVersion']}")
    await api.call("DELETE", f"{MAPS}/a")
    gone = await frames.next()
    assert int(gone["object"]["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_an_object_whose_match_changes_is_added_or_deleted(api: Api) -> None:
    frames = await api.watch(f"{MAPS}?watch=true&labelSelector=env%3Dprod")
    await api.create(MAPS, config_map("a", labels={"env": "dev"}))
    for env in ("prod", "prod2", "prod"):
        await api.call("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"env": env}}}, media=MERGE)
    await api.call("PATCH", f"{MAPS}/a", {"data": {"k": "v"}}, media=MERGE)
    assert await frames.names(4) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a"), ("MODIFIED", "a")]


async def test_a_bound_pod_appears_to_its_node_and_to_no_other(api: Api) -> None:
    await api.create(PODS, pod("web"))
    here = await api.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn")
    there = await api.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dm")
    for name, node in (("web", "n"), ("db", "m")):
        if name == "db":
            await api.create(PODS, pod("db"))
        binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
        await api.create(f"{PODS}/{name}/binding", binding)
    assert await here.names(1) == [("ADDED", "web")]
    assert await there.names(1) == [("ADDED", "db")]


async def test_initial_events_end_with_a_marked_bookmark(api: Api) -> None:
    await api.create(MAPS, config_map("a"))
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    frames = await api.watch(f"{MAPS}?{query}")
    assert await frames.names(1) == [("ADDED", "a")]
    mark = await frames.next()
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_initial_events_without_their_match_are_refused(api: Api) -> None:
    refused = await api.call("GET", f"{MAPS}?watch=true&sendInitialEvents=true", status=422)
    assert refused["details"]["causes"][0]["field"] == "resourceVersionMatch"


async def test_bookmarks_come_only_to_those_who_asked_and_move_on(api: Api) -> None:
    frames = await api.watch(f"{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion=0")
    latest = await api.create(PODS, pod("elsewhere"))
    task = asyncio.ensure_future(frames.next())
    while not task.done():
        await api.clock.advance(61)
    mark = task.result()
    assert mark["type"] == "BOOKMARK"
    assert int(mark["object"]["metadata"]["resourceVersion"]) >= int(latest["metadata"]["resourceVersion"])


async def test_a_version_that_is_forgotten_is_gone_and_ends_the_watch(api: Api) -> None:
    api.server.objects.cache.of(resources.CONFIG_MAPS).window_start = Revision(3)
    frames = await api.watch(f"{MAPS}?watch=true&resourceVersion=1")
    failed = await frames.next()
    assert (failed["type"], failed["object"]["code"], failed["object"]["reason"]) == ("ERROR", 410, "Expired")
    with pytest.raises(StopAsyncIteration):
        await frames.next()


async def test_a_watch_ends_after_its_timeout(api: Api) -> None:
    frames = await api.watch(f"{MAPS}?watch=true&timeoutSeconds=10")
    task = asyncio.ensure_future(frames.next())
    while not task.done():
        await api.clock.advance(11)
    with pytest.raises(StopAsyncIteration):
        await task


async def test_a_watcher_that_does_not_read_is_cut_off_and_the_others_go_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_BUFFER", 3)
    slow = await api.watch(f"{MAPS}?watch=true")
    quick = await api.watch(f"{MAPS}?watch=true")
    for name in ("a", "b", "c", "d", "e"):
        await api.create(MAPS, config_map(name))
        assert await quick.names(1) == [("ADDED", name)]
    with pytest.raises(StopAsyncIteration):
        await slow.next()


async def test_a_beginning_larger_than_the_buffer_arrives_whole(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_BUFFER", 3)
    for index in range(8):
        await api.create(MAPS, config_map(f"m{index}"))
    frames = await api.watch(f"{MAPS}?watch=true")
    assert len(await frames.names(8)) == 8


async def test_closing_the_server_ends_every_watch(api: Api) -> None:
    frames = await api.watch(f"{MAPS}?watch=true")
    await api.server.close()
    with pytest.raises(StopAsyncIteration):
        await frames.next()


async def test_a_table_watch_sends_its_columns_once(api: Api) -> None:
    await api.create(PODS, pod("a"))
    await api.create(PODS, pod("b"))
    frames = await api.watch(f"{PODS}?watch=true", accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    first, second = await frames.next(), await frames.next()
    assert first["object"]["columnDefinitions"]
    assert not second["object"].get("columnDefinitions")


async def test_a_node_may_not_watch_the_pods_of_all(api: Api) -> None:
    node = PeerCertificate("system:node:n", ("system:nodes",))
    await api.call("GET", "/api/v1/pods?watch=true", status=403, peer=node)


async def test_a_watch_from_a_version_to_come_tells_nothing_older(api: Api) -> None:
    current = await api.store.current_revision()
    frames = await api.watch(f"{MAPS}?watch=1&resourceVersion={current + 1}")
    await api.create(MAPS, config_map("older"))
    await api.create(MAPS, config_map("newer"))
    assert await frames.names(1) == [("ADDED", "newer")]


async def test_nothing_is_kept_for_a_watcher_that_was_cut_off(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_BUFFER", 2)
    await api.watch(f"{MAPS}?watch=1")
    cache = api.server.objects.cache.of(resources.CONFIG_MAPS)
    assert cache.watcher_count == 1
    for name in "abcd":
        await api.create(MAPS, config_map(name))
    assert cache.watcher_count == 0


async def test_a_watcher_of_large_objects_is_cut_off_by_their_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "_BUFFER_BYTES", 50_000)
    await api.create(MAPS, config_map("first", text="x" * 80_000))
    frames = await api.watch(f"{MAPS}?watch=1")
    assert await frames.names(1) == [("ADDED", "first")]  # the beginning arrives whatever its size
    for name in "abcdefgh":
        await api.create(MAPS, config_map(name, text="x" * 30_000))
    with pytest.raises(StopAsyncIteration):
        await frames.next()
