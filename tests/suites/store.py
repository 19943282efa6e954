"""What every store does. A backend's test module imports this class and gives ``open_store``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from podbay.lib.clock import ManualClock
from podbay.store.errors import (
    Compacted,
    FutureRevision,
    KeyExists,
    KeyNotFound,
    RevisionMismatch,
    StoreUnavailable,
    WatcherTooSlow,
)
from podbay.store.interface import MUST_NOT_EXIST, Change, Revision, Store, Watch, prefix_end

OpenStore = Callable[..., Awaitable[Store]]


async def take(watch: Watch, count: int) -> list[Change]:
    """Return the next changes of a watch."""
    found: list[Change] = []
    if count:
        async for batch in watch:
            found.extend(batch)
            if len(found) >= count:
                break
    return found


class StoreSuite:
    """Etcd's semantics, behaviour by behaviour."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> AsyncIterator[Store]:
        store = await open_store()
        yield store
        await store.close()

    async def test_an_empty_store_is_at_revision_one(self, store: Store) -> None:
        assert await store.current_revision() == 1
        assert (await store.range("/", "0")).items == []

    async def test_every_write_gets_the_next_revision(self, store: Store) -> None:
        first = await store.put("/a", b"1", expected=MUST_NOT_EXIST)
        second = await store.put("/a", b"2", expected=first.mod_revision)
        deleted, revision = await store.delete("/a", expected=second.mod_revision)
        assert (first.mod_revision, second.mod_revision, revision) == (2, 3, 4)
        assert second.create_revision == 2 and deleted.value == b"2"
        assert await store.get("/a") == (None, 4)

    async def test_a_create_of_an_existing_key_is_refused(self, store: Store) -> None:
        await store.put("/a", b"1", expected=MUST_NOT_EXIST)
        with pytest.raises(KeyExists):
            await store.put("/a", b"2", expected=MUST_NOT_EXIST)
        assert await store.current_revision() == 2

    async def test_a_write_with_a_stale_revision_is_refused(self, store: Store) -> None:
        first = await store.put("/a", b"1", expected=MUST_NOT_EXIST)
        await store.put("/a", b"2", expected=first.mod_revision)
        with pytest.raises(RevisionMismatch):
            await store.put("/a", b"3", expected=first.mod_revision)
        with pytest.raises(RevisionMismatch):
            await store.delete("/a", expected=first.mod_revision)
        with pytest.raises(KeyNotFound):
            await store.put("/b", b"3", expected=Revision(9))
        with pytest.raises(KeyNotFound):
            await store.delete("/b", expected=Revision(9))
        with pytest.raises(KeyNotFound):
            await store.delete("/b", expected=MUST_NOT_EXIST)
        with pytest.raises(RevisionMismatch):
            await store.delete("/a", expected=MUST_NOT_EXIST)

    async def test_a_range_is_ordered_and_ends_before_its_end(self, store: Store) -> None:
        for key in ("/p/c", "/p/a", "/q", "/p/b", "/p"):
            await store.put(key, key.encode(), expected=MUST_NOT_EXIST)
        found = await store.range("/p/", prefix_end("/p/"))
        assert [item.key for item in found.items] == ["/p/a", "/p/b", "/p/c"]
        assert (found.count, found.more) == (3, False)

    async def test_a_limit_cuts_the_page_and_counts_the_rest(self, store: Store) -> None:
        for number in range(5):
            await store.put(f"/p/{number}", b"x", expected=MUST_NOT_EXIST)
        page = await store.range("/p/", prefix_end("/p/"), limit=2)
        assert [item.key for item in page.items] == ["/p/0", "/p/1"]
        assert (page.count, page.more) == (5, True)

    async def test_old_revisions_stay_readable(self, store: Store) -> None:
        first = await store.put("/a", b"1", expected=MUST_NOT_EXIST)
        second = await store.put("/a", b"2", expected=first.mod_revision)
        await store.put("/b", b"1", expected=MUST_NOT_EXIST)
        await store.delete("/a", expected=second.mod_revision)
        then, _ = await store.get("/a", revision=Revision(2))
        assert then is not None and then.value == b"1"
        assert [i.value for i in (await store.range("/", "0", revision=Revision(3))).items] == [b"2"]
        assert [i.key for i in (await store.range("/", "0", revision=Revision(4))).items] == ["/a", "/b"]
        assert [i.key for i in (await store.range("/", "0")).items] == ["/b"]

    async def test_a_future_revision_is_refused(self, store: Store) -> None:
        with pytest.raises(FutureRevision):
            await store.get("/a", revision=Revision(99))
        with pytest.raises(FutureRevision):
            await store.watch("/", "0", after=Revision(99))

    async def test_compaction_keeps_the_newest_values_and_refuses_older_reads(self, store: Store) -> None:
        first = await store.put("/a", b"1", expected=MUST_NOT_EXIST)
        await store.put("/a", b"2", expected=first.mod_revision)
        await store.put("/b", b"1", expected=MUST_NOT_EXIST)
        await store.compact(Revision(3))
        assert await store.compacted_revision() == 3
        with pytest.raises(Compacted):
            await store.get("/a", revision=Revision(2))
        with pytest.raises(Compacted):
            await store.watch("/", "0", after=Revision(2))
        now, _ = await store.get("/a", revision=Revision(3))
        assert now is not None and now.value == b"2"
        watch = await store.watch("/", "0", after=Revision(3))
        assert [change.key for change in await take(watch, 1)] == ["/b"]

    async def test_history_is_bounded(self, open_store: OpenStore) -> None:
        store = await open_store(history=10)
        kept = await store.put("/kept", b"1", expected=MUST_NOT_EXIST)
        current = await store.put("/a", b"0", expected=MUST_NOT_EXIST)
        for number in range(100):
            current = await store.put("/a", str(number).encode(), expected=current.mod_revision)
        assert await store.compacted_revision() > kept.mod_revision
        assert await store.current_revision() - await store.compacted_revision() <= 20
        found, _ = await store.get("/kept")
        assert found is not None and found.value == b"1"
        await store.close()

    async def test_a_watch_sees_the_past_then_the_present_once_and_in_order(self, store: Store) -> None:
        first = await store.put("/p/a", b"1", expected=MUST_NOT_EXIST)
        watch = await store.watch("/p/", prefix_end("/p/"), after=Revision(1))
        second = await store.put("/p/a", b"2", expected=first.mod_revision)
        await store.put("/q", b"2", expected=MUST_NOT_EXIST)
        await store.delete("/p/a", expected=second.mod_revision)
        changes = await take(watch, 3)
        assert [change.revision for change in changes] == [2, 3, 5]
        assert [change.current.value if change.current else None for change in changes] == [b"1", b"2", None]
        assert [change.previous.value if change.previous else None for change in changes] == [None, b"1", b"2"]

    async def test_a_watch_resumes_where_it_was_cut(self, store: Store) -> None:
        for number in range(4):
            await store.put(f"/{number}", b"x", expected=MUST_NOT_EXIST)
        watch = await store.watch("/", "0", after=Revision(3))
        assert [change.revision for change in await take(watch, 2)] == [4, 5]

    async def test_a_slow_watcher_is_cut_off_and_the_others_are_not(self, open_store: OpenStore) -> None:
        store = await open_store(watch_buffer=5)
        slow = await store.watch("/", "0", after=Revision(1))
        other = await store.watch("/other", "/p", after=Revision(1))
        for number in range(8):
            await store.put(f"/{number}", b"x", expected=MUST_NOT_EXIST)
        await store.put("/other", b"x", expected=MUST_NOT_EXIST)
        with pytest.raises(WatcherTooSlow):
            await take(slow, 100)
        assert [change.key for change in await take(other, 1)] == ["/other"]
        await store.close()

    async def test_a_watch_that_would_replay_more_than_its_buffer_is_cut_off(self, open_store: OpenStore) -> None:
        store = await open_store(watch_buffer=5)
        for number in range(8):
            await store.put(f"/{number}", b"x", expected=MUST_NOT_EXIST)
        with pytest.raises(WatcherTooSlow):
            await take(await store.watch("/", "0", after=Revision(1)), 100)
        assert len(await take(await store.watch("/", "0", after=Revision(5)), 4)) == 4
        await store.close()

    async def test_many_writes_at_once_and_a_short_history_lose_no_key(self, open_store: OpenStore) -> None:
        store = await open_store(history=10)

        async def rewrite(worker: int) -> None:
            written = await store.put(f"/{worker}", b"0", expected=MUST_NOT_EXIST)
            for number in range(20):
                written = await store.put(f"/{worker}", str(number).encode(), expected=written.mod_revision)
                page = await store.range("/", "0")
                assert any(item.key == f"/{worker}" for item in page.items)

        await asyncio.gather(*(rewrite(worker) for worker in range(64)))
        assert len((await store.range("/", "0")).items) == 64
        await store.close()

    async def test_a_value_with_a_time_to_live_dies_as_a_change_of_its_own(
        self, store: Store, clock: ManualClock
    ) -> None:
        await store.put("/long", b"x", expected=MUST_NOT_EXIST, ttl_s=100)
        await store.put("/short", b"x", expected=MUST_NOT_EXIST, ttl_s=10)
        watch = await store.watch("/", "0", after=await store.current_revision())
        while clock.next_due_s() != 10:
            await asyncio.sleep(0)
        await clock.advance(11)
        (change,) = await take(watch, 1)
        assert (change.key, change.current) == ("/short", None)
        assert [item.key for item in (await store.range("/", "0")).items] == ["/long"]

    async def test_setting_the_wall_clock_makes_no_life_longer_or_shorter(
        self, store: Store, clock: ManualClock
    ) -> None:
        await store.put("/a", b"x", expected=MUST_NOT_EXIST, ttl_s=100)
        clock.set_wall(3600)
        await clock.advance(90)
        assert (await store.get("/a"))[0] is not None
        clock.set_wall(-7200)
        watch = await store.watch("/", "0", after=await store.current_revision())
        await clock.advance(20)
        assert [change.key for change in await take(watch, 1)] == ["/a"]
        assert (await store.get("/a"))[0] is None

    async def test_a_new_write_sets_the_time_to_live_anew(self, store: Store, clock: ManualClock) -> None:
        first = await store.put("/a", b"x", expected=MUST_NOT_EXIST, ttl_s=10)
        await store.put("/a", b"y", expected=first.mod_revision)
        while clock.next_due_s() != 10:
            await asyncio.sleep(0)
        await clock.advance(60)
        found, _ = await store.get("/a")
        assert found is not None and found.value == b"y"

    async def test_of_many_writers_of_one_key_one_wins_each_revision(self, store: Store) -> None:
        async def attempt(number: int) -> bool:
            try:
                await store.put("/a", str(number).encode(), expected=MUST_NOT_EXIST)
            except KeyExists:
                return False
            return True

        outcomes = await asyncio.gather(*(attempt(number) for number in range(50)))
        assert outcomes.count(True) == 1
        assert await store.current_revision() == 2

    async def test_a_closed_store_refuses_everything_and_ends_its_watches(self, open_store: OpenStore) -> None:
        store = await open_store()
        watch = await store.watch("/", "0", after=Revision(1))
        await store.close()
        await store.close()
        with pytest.raises(StoreUnavailable):
            await store.current_revision()
        with pytest.raises(StoreUnavailable):
            await store.put("/a", b"x", expected=MUST_NOT_EXIST)
        with pytest.raises(StoreUnavailable):
            await take(watch, 1)
