import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from podbay.lib.clock import ManualClock, RealClock
from podbay.store.errors import StoreUnavailable
from podbay.store.interface import MUST_NOT_EXIST, Revision, Store
from podbay.store.sqlite import SqliteStore
from tests.suites.store import OpenStore, StoreSuite, take


class TestSqliteStore(StoreSuite):
    @pytest.fixture
    def open_store(self, clock: ManualClock, tmp_path: Path) -> OpenStore:
        async def open_it(**options: Any) -> Store:
            return await SqliteStore.open(tmp_path / "store.db", clock, **options)

        return open_it


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    store = await SqliteStore.open(tmp_path / "s.db", clock)
    await store.put("/a", b"1", expected=MUST_NOT_EXIST)
    await store.put("/dies", b"1", expected=MUST_NOT_EXIST, ttl_s=10)
    await store.close()
    store = await SqliteStore.open(tmp_path / "s.db", clock)
    found, revision = await store.get("/a")
    assert found is not None and (found.value, revision) == (b"1", 3)
    watch = await store.watch("/", "0", after=Revision(3))
    await clock.advance(11)
    assert [change.key for change in await take(watch, 1)] == ["/dies"]
    await store.close()


async def test_revisions_go_on_after_everything_was_deleted_and_compacted(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    written = await store.put("/a", b"1", expected=MUST_NOT_EXIST)
    await store.delete("/a", expected=written.mod_revision)
    await store.compact(Revision(3))
    await store.close()
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    assert await store.current_revision() == 3
    await store.close()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    with pytest.raises(StoreUnavailable, match="in use by another process"):
        await SqliteStore.open(tmp_path / "s.db", ManualClock())
    await store.close()


async def test_a_file_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "s.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer podbay"):
        await SqliteStore.open(tmp_path / "s.db", ManualClock())


_WRITER = """
import asyncio, sys
from podbay.lib.clock import RealClock
from podbay.store.sqlite import SqliteStore
from podbay.store.interface import MUST_NOT_EXIST

async def one(store, worker):
    for number in range(100000):
        written = await store.put(f"/{sys.argv[2]}/{worker}/{number}", b"x" * 500, expected=MUST_NOT_EXIST)
        print(written.key, written.mod_revision, flush=True)

async def main():
    store = await SqliteStore.open(sys.argv[1], RealClock(), history=100000)
    await asyncio.gather(*(one(store, worker) for worker in range(8)))

asyncio.run(main())
"""


def _write_and_kill(path: Path, round_number: int) -> dict[str, int]:
    """Run a writer, kill it in mid-load and return what it had acknowledged."""
    acknowledged: dict[str, int] = {}
    command = [sys.executable, "-c", _WRITER, str(path), str(round_number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # killed in the middle of a line
            key, revision = line.split()
            acknowledged[key] = int(revision)
            if len(acknowledged) == 60 + 37 * round_number:
                os.kill(process.pid, signal.SIGKILL)
    return acknowledged


async def test_a_killed_writer_loses_no_acknowledged_write(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    acknowledged: dict[str, int] = {}
    for round_number in range(8):
        acknowledged |= await asyncio.to_thread(_write_and_kill, path, round_number)
        store = await SqliteStore.open(path, RealClock(), history=100_000)
        found = {item.key: item.mod_revision for item in (await store.range("/", "0")).items}
        current = await store.current_revision()
        assert {key: found.get(key) for key in acknowledged} == acknowledged
        assert sorted(found.values()) == list(range(2, current + 1))
        middle = Revision(current // 2)
        resumed = await take(await store.watch("/", "0", after=middle), current - middle)
        assert [change.revision for change in resumed] == list(range(middle + 1, current + 1))
        await store.close()


async def test_compaction_stays_below_what_readers_have_been_given(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock(), history=10)
    first = await asyncio.gather(*(store.put(f"/{n}", b"1", expected=MUST_NOT_EXIST) for n in range(64)))
    async with asyncio.TaskGroup() as rewrites:
        for written in first:
            rewrites.create_task(store.put(written.key, b"2", expected=written.mod_revision))
        await asyncio.sleep(0)
        while store._writer.revision < 2 * 64 + 1:
            time.sleep(0.001)  # noqa: ASYNC251 - hold the loop: the commits are made, and nobody was told
        page = await store.range("/", "0")
        assert (page.revision, len(page.items)) == (65, 64)
    assert {item.value for item in (await store.range("/", "0")).items} == {b"2"}
    await store.close()
