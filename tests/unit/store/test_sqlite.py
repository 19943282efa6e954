import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from podbay.lib.clock import ManualClock, RealClock
from podbay.store import sqlite_writer
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


async def test_a_file_of_an_older_format_is_migrated_and_keeps_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    await store.put("/a", b"1", expected=MUST_NOT_EXIST)
    await store.close()
    later = (*sqlite_writer._STEPS, "ALTER TABLE versions ADD COLUMN later TEXT DEFAULT 'x';", "CREATE TABLE more (n);")
    monkeypatch.setattr(sqlite_writer, "_STEPS", later)
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    found, _ = await store.get("/a")
    assert found is not None and found.value == b"1"
    await store.close()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("SELECT later FROM versions").fetchall() == [("x",)]
        assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)


async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    await store.put("/a", b"1", expected=MUST_NOT_EXIST)
    await store.close()
    with monkeypatch.context() as patched:
        steps = (*sqlite_writer._STEPS, "CREATE TABLE more (n);", "CREATE TABLE more (n);")
        patched.setattr(sqlite_writer, "_STEPS", steps)
        with pytest.raises(StoreUnavailable, match="more already exists"):
            await SqliteStore.open(tmp_path / "s.db", ManualClock())
    store = await SqliteStore.open(tmp_path / "s.db", ManualClock())
    assert [item.key for item in (await store.range("/", "0")).items] == ["/a"]
    await store.close()


async def test_a_file_that_is_none_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match="file is not a database"):
        await SqliteStore.open(path, ManualClock())
    assert path.read_bytes() == b"no database" * 1000


async def test_dead_versions_go_a_few_at_a_time_and_the_file_stops_growing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = await SqliteStore.open(path, ManualClock(), history=100)
    revision = MUST_NOT_EXIST
    sizes = []
    for _ in range(6):
        for _ in range(400):
            revision = (await store.put("/a", b"x" * 1000, expected=revision)).mod_revision
        sizes.append(path.stat().st_size)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM versions").fetchone()
    assert kept <= 301  # the history, as much again before the next compaction, and what one step covers
    assert sizes[-1] <= sizes[1] + 1_000_000
    await store.close()


_FULL = """
import asyncio, resource, signal, sys
from podbay.lib.clock import RealClock
from podbay.store.errors import StoreUnavailable
from podbay.store.sqlite import SqliteStore
from podbay.store.interface import MUST_NOT_EXIST

async def main():
    store = await SqliteStore.open(sys.argv[1], RealClock())
    kept = await store.put("/kept", b"before", expected=MUST_NOT_EXIST)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    written = []
    for number in range(100):
        pair = [store.put(f"/{number}/{part}", b"x" * 20_000, expected=MUST_NOT_EXIST) for part in "ab"]
        outcomes = await asyncio.gather(*pair, return_exceptions=True)
        written += [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if failures:
            break
    assert all(isinstance(failure, StoreUnavailable) for failure in failures), failures
    print(failures[0], file=sys.stderr)
    found = await store.range("/", "0")
    assert {item.key for item in found.items} == {"/kept"} | {item.key for item in written}
    assert await store.current_revision() == 2 + len(written)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = await store.put("/kept", b"after", expected=kept.mod_revision)
    assert after.mod_revision == 3 + len(written)
    await store.close()
    store = await SqliteStore.open(sys.argv[1], RealClock())
    assert {item.key for item in (await store.range("/", "0")).items} == {"/kept"} | {item.key for item in written}
    await store.close()

asyncio.run(main())
"""


def test_a_full_disk_fails_writes_clearly_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "s.db")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "s.db: " in done.stderr
