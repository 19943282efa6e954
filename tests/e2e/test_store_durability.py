"""SIGKILL leaves the page cache alone, so it says nothing about the disk. Here the disk is a loop-mounted image whose
file is copied while acknowledgements flow, and the copy is what a power cut at that moment would have left.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podbay.lib.clock import RealClock
from podbay.store.sqlite import SqliteStore

pytestmark = pytest.mark.e2e

_IMAGE_BYTES = 256 * 1024 * 1024  # sparse
_COPIES = 6
_WRITES_BETWEEN_COPIES = 40

_WRITER = """
import asyncio, sys
from podbay.lib.clock import RealClock
from podbay.store.sqlite import SqliteStore
from podbay.store.interface import MUST_NOT_EXIST

async def one(store, worker):
    for number in range(100000):
        written = await store.put(f"/{worker}/{number}", b"x" * 500, expected=MUST_NOT_EXIST)
        print(written.key, written.mod_revision, flush=True)

async def main():
    store = await SqliteStore.open(sys.argv[1], RealClock(), synchronous=sys.argv[2])
    await asyncio.gather(*(one(store, worker) for worker in range(4)))

asyncio.run(main())
"""


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


@contextmanager
def _mounted(image: Path, directory: Path) -> Iterator[Path]:
    """Mount an image. The kernel's own periodic commits are put off, so that only the store's syncs count."""
    directory.mkdir(exist_ok=True)
    _run("mount", "-o", "loop,commit=300", image, directory)
    try:
        yield directory
    finally:
        _run("umount", directory)


def _new_image(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    # A journal that does not wrap during the test: a copy is not atomic, and a wrap inside it would tear it.
    _run("mkfs.ext4", "-q", "-F", "-J", "size=64", path)
    return path


def _copied(image: Path, copy: Path, database: Path) -> bool:
    """Copy the image; tell whether it is one that a disk could hold.

    The copy takes milliseconds. If SQLite moved its log into the database meanwhile, it holds the one from before and
    the other from after, which no power cut leaves.
    """
    before = database.stat().st_mtime_ns
    _run("cp", "--sparse=always", image, copy)
    return database.stat().st_mtime_ns == before


async def _found(copy: Path, directory: Path) -> dict[str, int]:
    """Return the keys and revisions of a copy's store, as they are after the power came back."""
    with _mounted(copy, directory):
        if not (directory / "store.db").exists():
            return {}
        store = await SqliteStore.open(directory / "store.db", RealClock())
        items = (await store.range("/", "0")).items
        current = await store.current_revision()
        await store.close()
    revisions = sorted(item.mod_revision for item in items)
    assert revisions == list(range(2, current + 1))
    return {item.key: item.mod_revision for item in items}


def _writes(image: Path, mounted: Path, synchronous: str) -> Iterator[tuple[dict[str, int], Path]]:
    """Run a writer; yield what it had acknowledged before each copy began, and the copy."""
    database = mounted / "store.db"
    acknowledged: dict[str, int] = {}
    command = [sys.executable, "-c", _WRITER, str(database), synchronous]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            copies = 0
            while copies < _COPIES:
                for _ in range(_WRITES_BETWEEN_COPIES):
                    key, revision = writer.stdout.readline().split()
                    acknowledged[key] = int(revision)
                copy = image.with_name(f"copy-{copies}")
                if _copied(image, copy, database):
                    copies += 1
                    yield dict(acknowledged), copy
        finally:
            writer.kill()


async def _lost(directory: Path, synchronous: str) -> int:
    """Return how many acknowledged writes the copies lack."""
    image = _new_image(directory / "image")
    lost = 0
    with _mounted(image, directory / "disk") as mounted:
        copies = await asyncio.to_thread(lambda: list(_writes(image, mounted, synchronous)))
    for acknowledged, copy in copies:
        found = await _found(copy, directory / "copy")
        lost += sum(found.get(key) != revision for key, revision in acknowledged.items())
        copy.unlink()
    return lost


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    assert os.geteuid() == 0, "mounting needs root"
    for tool in ("mount", "umount", "mkfs.ext4", "cp"):
        assert shutil.which(tool), f"{tool} is missing"
    yield tmp_path
    shutil.rmtree(tmp_path)


async def test_every_acknowledged_write_is_on_the_disk(directory: Path) -> None:
    assert await _lost(directory, "FULL") == 0


async def test_the_same_check_fails_without_syncs(directory: Path) -> None:
    assert await _lost(directory, "OFF") > 0
