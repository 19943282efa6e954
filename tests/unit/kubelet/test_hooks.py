"""Lifecycle hooks' and deadlines' stories: a kubelet on a pretended runtime, on a moved clock."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.cri.runtime import ExecResult
from podbay.kubelet.last_words import log_tail
from tests.unit.kubelet.support import House, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def hooked(*, command: list[str] | None = None, **hooks: Any) -> dict[str, Any]:
    made = pod(command=command, terminationGracePeriodSeconds=30)
    made["spec"]["containers"][0]["lifecycle"] = hooks
    return made


def stops(home: House) -> list[tuple[float, float]]:
    """Note from now on when containers are asked to end, and with how much time."""
    noted: list[tuple[float, float]] = []
    calls = home.runtime.stop_container

    async def stop(container_id: str, grace_s: float) -> None:
        noted.append((home.clock.monotonic(), grace_s))
        await calls(container_id, grace_s)

    home.runtime.stop_container = stop  # type: ignore[method-assign]
    return noted


async def test_a_container_runs_only_when_what_it_wants_after_its_start_is_done(home: House) -> None:
    await home.run(hooked(postStart={"exec": {"command": ["sleep", "7"]}}))
    await home.pass_time(6)
    assert (await home.status())["phase"] == "Pending"
    await home.pass_time(1)
    assert home.runtime.executed == [("main", ("sleep", "7"))]
    assert (await home.status())["phase"] == "Running" and (await home.container())["ready"]


async def test_a_container_whose_hook_fails_after_its_start_is_killed_and_tried_again(home: House) -> None:
    def fails(_: str, command: Sequence[str]) -> ExecResult:
        return ExecResult(stderr=b"no", exit_code=3)

    home.runtime.answer = fails
    await home.run(hooked(postStart={"exec": {"command": ["set-up"]}}))
    told = await home.told()
    assert ("Warning", "FailedPostStartHook", "PostStartHook failed") in told
    assert ("Normal", "Killing", "FailedPostStartHook") in told
    home.runtime.answer = lambda *_: ExecResult()
    await home.pass_time(60)
    main = await home.container()
    assert main["restartCount"] >= 1 and main["ready"]


async def test_a_hook_before_the_end_runs_first_and_its_time_counts(home: House) -> None:
    await home.run(hooked(command=["sleep", "1000"], preStop={"exec": {"command": ["sleep", "12"]}}))
    noted = stops(home)
    began = home.clock.monotonic()
    await home.delete()
    await home.pass_time(11)
    assert noted == [] and home.runtime.executed == [("main", ("sleep", "12"))]
    await home.pass_time(2)
    assert noted == [(began + 12, 18.0)]
    await home.pass_time(17)
    assert await home.is_gone() and home.clock.monotonic() - began == 30


async def test_a_hook_that_takes_longer_than_there_is_time_leaves_two_seconds(home: House) -> None:
    await home.run(hooked(command=["sleep", "1000"], preStop={"sleep": {"seconds": 25}}))
    noted = stops(home)
    await home.delete(grace_s=10)
    await home.pass_time(10)
    assert noted == [(10.0, 2.0)]
    await home.pass_time(2)
    assert await home.is_gone()


async def test_a_pause_before_the_end_ends_by_itself(home: House) -> None:
    await home.run(hooked(preStop={"sleep": {"seconds": 5}}))
    await home.delete()
    await home.pass_time(4)
    assert not await home.is_gone()
    await home.pass_time(1)
    assert await home.is_gone()


async def test_a_hook_that_fails_before_the_end_is_told_and_the_end_comes_all_the_same(home: House) -> None:
    await home.run(hooked(preStop={"exec": {"command": ["false"]}}))
    await home.delete()
    assert await home.is_gone()
    assert ("Warning", "FailedPreStopHook", "PreStopHook failed") in await home.told()


async def test_a_shorter_grace_cuts_a_hook_short(home: House) -> None:
    await home.run(hooked(preStop={"sleep": {"seconds": 30}}))
    await home.delete(grace_s=30)
    await home.pass_time(3)
    await home.delete(grace_s=2)
    await home.pass_time(4)
    assert await home.is_gone()


async def test_a_pod_is_stopped_when_it_has_been_active_for_as_long_as_it_may(home: House) -> None:
    await home.run(pod(activeDeadlineSeconds=20))
    await home.pass_time(19)
    assert (await home.status())["phase"] == "Running"
    await home.pass_time(1)
    status = await home.status()
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == "Pod was active on the node longer than the specified deadline"
    assert "terminated" in status["containerStatuses"][0]["state"]
    assert ("Normal", "DeadlineExceeded", status["message"]) in await home.told()
    await home.pass_time(600)
    assert (await home.status()) == status and home.count("start_container") == 1


async def test_a_deadline_that_comes_later_counts_from_the_pods_start(home: House) -> None:
    await home.run(pod())
    await home.pass_time(30)
    await home.admin.patch(PODS, "p", {"spec": {"activeDeadlineSeconds": 5}}, namespace="default")
    await home.activity.idle()
    assert (await home.status())["reason"] == "DeadlineExceeded"


def test_the_end_of_a_log_is_80_lines_or_two_kibibytes(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    assert log_tail(log) == ""
    log.write_text("".join(f"2026-01-01T00:00:00Z stdout F {i}\n" for i in range(100)))
    assert log_tail(log) == "".join(f"{i}\n" for i in range(20, 100))
    log.write_text("t stdout P one \nt stdout F two\nt stderr F " + "x" * 3000 + "\n")
    assert log_tail(log) == "x" * 2047 + "\n"
    log.write_text("t stdout P one \nt stdout F two\n")
    assert log_tail(log) == "one two\n"


@pytest.mark.parametrize("stage", ["initializing", "after its start", "running", "before its end"])
async def test_a_pod_that_is_deleted_by_force_leaves_nothing_whatever_it_was_about(home: House, stage: str) -> None:
    made = hooked(command=["sleep", "1000"])
    slow = {"exec": {"command": ["sleep", "500"]}}
    if stage == "initializing":
        init = {"name": "init", "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": ["sleep", "1000"]}
        made["spec"]["initContainers"] = [init]
    elif stage == "after its start":
        made["spec"]["containers"][0]["lifecycle"] = {"postStart": slow}
    elif stage == "before its end":
        made["spec"]["containers"][0]["lifecycle"] = {"preStop": slow}
    await home.run(made)
    if stage == "before its end":
        await home.delete(grace_s=30)
        await home.pass_time(5)
    await home.delete(grace_s=0)
    assert await home.is_gone()
    await home.pass_time(40)
    assert await home.runtime.sandboxes() == [] and await home.runtime.containers() == []
    assert home.kubelet.pods() == []
