"""The file of the audit log: its mode, its size, and what becomes of old ones."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from podbay.apiserver.audit.log_file import LogFile
from podbay.lib.clock import ManualClock


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_made_for_its_owner_only_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "audit.log"
    for line in (b"a\n", b"b\n"):
        file = LogFile(str(path), ManualClock())
        file.open()
        file.write(line)
        file.close()
    assert path.read_bytes() == b"a\nb\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_that_a_line_would_make_too_large_is_put_aside_with_the_time_in_its_name(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.log", ManualClock()
    file = LogFile(str(path), clock, max_bytes=10)
    for line in (b"12345\n", b"678\n", b"9\n", b"a line that is longer than a file\n"):
        file.write(line)
        await clock.advance(1)
    file.close()
    *old, new = sorted(names(tmp_path), key=lambda name: (name == "audit.log", name))
    assert [(tmp_path / name).read_bytes() for name in (*old, new)] == [
        b"12345\n678\n",
        b"9\n",
        b"a line that is longer than a file\n",
    ]
    assert old[0].startswith(f"audit-{(clock.now() - timedelta(seconds=2)).strftime('%Y-%m-%dT%H-%M-%S')}.")


async def test_old_files_go_when_they_are_too_many_or_too_old(tmp_path: Path) -> None:
    (tmp_path / "audit-notes.log").write_text("of somebody else's")
    clock = ManualClock()
    file = LogFile(str(tmp_path / "audit.log"), clock, max_bytes=1, backups=2, age_days=1)
    for _ in range(5):
        file.write(b"line\n")
        await clock.advance(1)
    assert len(names(tmp_path)) == 4
    await clock.advance(2 * 24 * 3600)
    file.write(b"line\n")
    file.close()
    assert len(names(tmp_path)) == 3  # the one that ended just now is young
    assert "audit-notes.log" in names(tmp_path)


def test_a_line_that_does_not_fit_on_the_disk_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write, room = tmp_path / "audit.log", os.write, [8]

    def filling(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(file, data[: room[0]])
        room[0] -= written
        return written

    file = LogFile(str(path), ManualClock())
    monkeypatch.setattr(os, "write", filling)
    file.write(b"first\n")
    with pytest.raises(OSError, match="No space left on device"):
        file.write(b"second\n")
    room[0] = 100
    file.write(b"third\n")
    file.close()
    assert path.read_bytes() == b"first\nthird\n"


def test_standard_out_is_written_to_and_never_cut(capfd: pytest.CaptureFixture[str]) -> None:
    file = LogFile("-", ManualClock(), max_bytes=1)
    file.write(b"a\n")
    file.write(b"b\n")
    file.close()
    assert capfd.readouterr().out == "a\nb\n"


def test_two_files_that_end_at_once_are_both_kept(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "audit.log"), ManualClock(), max_bytes=1)
    for _ in range(3):
        file.write(b"line\n")
    file.close()
    assert len(names(tmp_path)) == 3
