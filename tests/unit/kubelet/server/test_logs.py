import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet.server.logs import LogOptions, read_log
from podbay.lib.clock import ManualClock

_NOW = datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(
        b"2026-01-01T00:00:01.5Z stdout F one\n"
        b"2026-01-01T00:00:02Z stderr P tw\n"
        b"2026-01-01T00:00:02.000000001Z stderr F o\n"
        b"2026-01-01T00:00:03.123456789Z stdout F \n"
        b"2026-01-01T00:00:04Z stdout F four  words and  blanks \n"
    )
    return path


async def text(path: Path, **options: Any) -> bytes:
    found = LogOptions(**options)
    return b"".join([chunk async for chunk in read_log(path, found, ManualClock(), lambda: True)])


async def test_lines_are_what_the_container_wrote(log: Path) -> None:
    assert await text(log) == b"one\ntwo\n\nfour  words and  blanks \n"


async def test_timestamps_have_nine_digits_and_stand_once_before_a_line(log: Path) -> None:
    assert (await text(log, timestamps=True)).splitlines() == [
        b"2026-01-01T00:00:01.500000000Z one",
        b"2026-01-01T00:00:02.000000000Z two",
        b"2026-01-01T00:00:03.123456789Z ",
        b"2026-01-01T00:00:04.000000000Z four  words and  blanks ",
    ]


@pytest.mark.parametrize(("tail", "expected"), [(0, b""), (1, b"four"), (2, b"\nfour"), (99, b"one\ntwo\n\nfour")])
async def test_a_tail_is_the_last_lines(log: Path, tail: int, expected: bytes) -> None:
    assert (await text(log, tail=tail)).removesuffix(b"  words and  blanks \n") == expected


async def test_a_limit_cuts_at_the_byte(log: Path) -> None:
    for limit in (1, 4, 6, 100):
        assert await text(log, limit_bytes=limit) == (await text(log))[:limit]


async def test_since_leaves_older_lines_out(log: Path) -> None:
    assert await text(log, since=datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)) == b"\nfour  words and  blanks \n"


async def test_a_tail_reaches_back_over_many_blocks(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(b"2026-01-01T00:00:01Z stdout F %d %s\n" % (n, b"x" * 1000) for n in range(1000)))
    found = (await text(path, tail=500)).splitlines()
    assert [int(line.split()[0]) for line in found] == list(range(500, 1000))


async def test_following_goes_on_as_the_file_grows_and_ends_with_the_container(log: Path) -> None:
    clock = ManualClock()
    over = False
    found: list[bytes] = []

    async def follow() -> None:
        async for chunk in read_log(log, LogOptions(follow=True, tail=0), clock, lambda: over):
            found.append(chunk)

    following = asyncio.ensure_future(follow())
    while clock.next_due_s() is None:
        await asyncio.sleep(0)
    with log.open("ab") as file:
        file.write(b"2026-01-01T00:00:05Z stdout F half a")  # the runtime is in the middle of a line
        file.flush()
        await clock.advance(1)
        assert found == []
        file.write(b" line\n")
        file.flush()
        await clock.advance(1)
        assert found == [b"half a line\n"]
        file.write(b"2026-01-01T00:00:06Z stdout F last\n")
    over = True
    await clock.advance(1)
    await following
    assert found == [b"half a line\n", b"last\n"]


async def test_a_followers_limit_ends_it_though_the_container_runs(log: Path) -> None:
    options = LogOptions(follow=True, limit_bytes=5)
    chunks = [chunk async for chunk in read_log(log, options, ManualClock(), lambda: False)]
    assert b"".join(chunks) == b"one\nt"


def test_options_come_from_the_query() -> None:
    query = {"follow": "true", "timestamps": "true", "tailLines": "5", "sinceSeconds": "4", "limitBytes": "9"}
    assert LogOptions.of_query(query, _NOW) == LogOptions(
        follow=True, timestamps=True, tail=5, since=datetime(2026, 1, 1, 0, 0, 6, tzinfo=UTC), limit_bytes=9
    )
    for wrong in ({"tailLines": "-1"}, {"limitBytes": "0"}, {"tailLines": "x"}, {"sinceTime": "yesterday"}):
        with pytest.raises(ValueError):
            LogOptions.of_query(wrong, _NOW)
