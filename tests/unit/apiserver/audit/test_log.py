"""The audit log while it is written: in order, beside the loop, and harmless when it cannot be written."""

import logging
from pathlib import Path

import pytest

from podbay.apiserver.audit.events import AuditEvent
from podbay.apiserver.audit.log import AuditLog
from podbay.apiserver.audit.log_file import LogFile
from podbay.apiserver.audit.policy import Level
from podbay.lib.clock import ManualClock
from podbay.wire import json


def event(number: int) -> AuditEvent:
    return AuditEvent(level=Level.METADATA, head={"auditID": str(number)}, tail={})


def ids(path: Path) -> list[int]:
    return [int(json.decode(line)["auditID"]) for line in path.read_bytes().splitlines()]


async def test_events_are_written_in_order_and_the_last_before_the_log_is_closed(tmp_path: Path) -> None:
    log = AuditLog(LogFile(str(tmp_path / "log"), ManualClock()))
    log.open()
    for number in range(100):
        log.append(event(number))
    await log.close()
    assert ids(tmp_path / "log") == list(range(100))


async def test_a_log_that_cannot_be_written_is_told_once_and_when_it_can_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = tmp_path / "log"
    path.mkdir()
    log = AuditLog(LogFile(str(path), ManualClock()))
    for number in range(3):
        log.append(event(number))
        await log.written()
    path.rmdir()
    log.append(event(3))
    await log.close()
    assert ids(path) == [3]
    problem = f"the audit log cannot be written, events are lost: [Errno 21] Is a directory: '{path}'"
    assert caplog.messages == [problem, "the audit log is written again; 3 events were lost"]


async def test_events_that_come_faster_than_the_disk_takes_them_are_lost_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(LogFile(str(tmp_path / "log"), ManualClock()), most=2)
    for number in range(5):
        log.append(event(number))
    await log.close()
    assert ids(tmp_path / "log") == [0, 1]
    assert caplog.messages[-1] == "the audit log is written again; 3 events were lost"


async def test_an_event_that_cannot_be_written_takes_no_other_with_it(tmp_path: Path) -> None:
    log = AuditLog(LogFile(str(tmp_path / "log"), ManualClock()))
    log.append(event(0))
    log.append(AuditEvent(level=Level.METADATA, head={"auditID": {1, object()}}, tail={}))
    log.append(event(2))
    await log.close()
    assert ids(tmp_path / "log") == [0, 2]
