"""One pull at a time or several, one credential after another, and what is said when none will do."""

import asyncio

import pytest

from podbay.cri.fake import FakeRuntime, Timing
from podbay.cri.runtime import PullCredentials
from podbay.kubelet.pulling import Puller, PullFailed, why_waiting
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope

NEW = PullCredentials(username="new", password="1")
OLD = PullCredentials(username="old", password="2")
NAME = "quay.io/team/app:1"


async def begun(runtime: FakeRuntime) -> list[str]:
    for _ in range(20):
        await asyncio.sleep(0)
    return [name for name, _ in runtime.tried]


async def test_credentials_are_tried_until_the_registry_takes_one() -> None:
    runtime = FakeRuntime(ManualClock())
    runtime.private["quay.io"] = (OLD,)
    pulled = await Puller(runtime, ManualClock(), 1).pull(NAME, [NEW, OLD, NEW])
    assert runtime.tried == [(NAME, NEW), (NAME, OLD)]
    assert await runtime.image(pulled.reference) is not None


async def test_without_credentials_nobody_is_told() -> None:
    runtime = FakeRuntime(ManualClock())
    await Puller(runtime, ManualClock(), 1).pull(NAME, [])
    assert runtime.tried == [(NAME, None)]


async def test_what_all_of_them_came_to_is_told_once_each() -> None:
    runtime = FakeRuntime(ManualClock())
    runtime.fail("pull_image", "UNKNOWN", "no")
    runtime.fail("pull_image", "NOT_FOUND", "gone")
    runtime.fail("pull_image", "UNKNOWN", "no")
    with pytest.raises(PullFailed) as caught:
        await Puller(runtime, ManualClock(), 1).pull(NAME, [NEW, OLD, NEW])
    assert str(caught.value) == "[no, rpc error: code = NotFound desc = gone]"


async def test_one_failure_stands_alone() -> None:
    runtime = FakeRuntime(ManualClock())
    runtime.fail("pull_image", "UNKNOWN", "no", times=2)
    with pytest.raises(PullFailed) as caught:
        await Puller(runtime, ManualClock(), 1).pull(NAME, [NEW, OLD])
    assert str(caught.value) == "no"


@pytest.mark.parametrize(("at_once", "first"), [(1, 1), (2, 2), (None, 3)])
async def test_so_many_are_pulled_at_once_and_the_others_in_their_order(at_once: int | None, first: int) -> None:
    clock = ManualClock()
    runtime = FakeRuntime(clock, timing=Timing(pull_s=5))
    puller = Puller(runtime, clock, at_once)
    names = ["quay.io/a", "quay.io/b", "quay.io/c"]
    async with TaskScope() as scope:
        pulls = [scope.start(puller.pull(name, []), name=name) for name in names]
        assert await begun(runtime) == names[:first]
        while not pulls[-1].done():
            await clock.advance(5)
            await begun(runtime)
        assert await begun(runtime) == names
        last = await pulls[-1]
        assert (last.took_s, last.waited_s) == (5, 5 * (3 - first + 1) if first < 2 else 5 * (4 - first))


async def test_one_that_is_given_up_leaves_its_turn_to_the_next() -> None:
    clock = ManualClock()
    runtime = FakeRuntime(clock, timing=Timing(pull_s=5))
    puller = Puller(runtime, clock, 1)
    async with TaskScope() as scope:
        first = scope.start(puller.pull("quay.io/a", []), name="a")
        scope.start(puller.pull("quay.io/b", []), name="b")
        await begun(runtime)
        first.cancel()
        assert await begun(runtime) == ["quay.io/a", "quay.io/b"]


@pytest.mark.parametrize(
    ("failure", "reason", "message"),
    [
        ("no", "ErrImagePull", "no"),
        (
            "RegistryUnavailable: try later",
            "RegistryUnavailable",
            "image pull failed for app because the registry is unavailable: try later",
        ),
        (
            "SignatureValidationFailed: no signature",
            "SignatureValidationFailed",
            "image pull failed for app because the signature validation failed: no signature",
        ),
    ],
)
def test_the_runtimes_own_reasons_are_the_pods(failure: str, reason: str, message: str) -> None:
    assert why_waiting("app", failure) == (reason, message)
