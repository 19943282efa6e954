"""A kubelet hears what its runtime tells, and finds what it missed."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.resources import NODES
from podbay.cri.runtime import RuntimeEvent
from tests.unit.kubelet.support import NODE, House, condition, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def test_a_runtime_killed_and_back_restarts_nothing(home: House) -> None:
    await home.run(pod())
    home.runtime.go_down()
    await home.pass_time(30)
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "False"
    home.runtime.come_back()
    await home.pass_time(30)
    assert home.count("start_container") == 1
    assert condition((await home.admin.get(NODES, NODE))["status"], "Ready")["status"] == "True"


async def test_ends_while_the_runtime_was_away_are_found(home: House) -> None:
    await home.run(pod(command=["sleep", "60"], restartPolicy="Never"))
    home.runtime.go_down()
    await home.pass_time(60)
    home.runtime.come_back()
    await home.pass_time(5)
    assert (await home.status())["phase"] == "Succeeded"


async def test_a_fault_in_the_runtimes_events_makes_no_kubelet_deaf(home: House) -> None:
    events = home.runtime.events

    async def broken() -> AsyncIterator[RuntimeEvent]:
        home.runtime.events = events  # type: ignore[method-assign]
        raise ValueError("a frame that nobody understands")
        yield

    await home.run(pod(restartPolicy="Never"))
    await home.kill_kubelet()
    home.runtime.events = broken  # type: ignore[method-assign]
    await home.start_kubelet()
    await home.pass_time(5)
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 0)
    await home.activity.idle()
    assert (await home.status())["phase"] == "Succeeded"
