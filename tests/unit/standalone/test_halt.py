"""How the pods of a cluster that goes down are stopped."""

import asyncio

import pytest

from podbay.cri.fake import FakeRuntime
from podbay.lib.clock import ManualClock
from podbay.standalone import halt


class HangingRuntime(FakeRuntime):
    """Never answers whoever wants a container stopped."""

    async def stop_container(self, container_id: str, grace_s: float) -> None:
        await asyncio.Event().wait()


async def test_a_container_whose_stop_hangs_keeps_nobody_from_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halt, "_SPARE_S", 0.0)
    await halt._stop_container(HangingRuntime(ManualClock()), "c", 0.0)
