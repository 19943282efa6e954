"""A machine whose wall clock is set while pods run: nothing waits for longer, or ends sooner, than it was told to."""

from collections.abc import AsyncIterator

import pytest

from podbay.api.resources import LEASES
from tests.unit.kubelet.support import NODE, House, condition, house, pod

HOUR_S = 3600.0


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


@pytest.fixture(params=[-24 * HOUR_S, 24 * HOUR_S], ids=["back", "forward"])
def jump_s(request: pytest.FixtureRequest) -> float:
    return float(request.param)


async def test_a_container_that_crashed_is_started_when_its_back_off_is_over(home: House, jump_s: float) -> None:
    await home.run(pod(command=["false"]))
    known = home.count("start_container")
    for turn, delay_s in enumerate((10, 20, 40)):
        home.clock.set_wall(jump_s)
        await home.pass_time(delay_s - 1)
        assert home.count("start_container") == known + turn
        await home.pass_time(1)
        assert home.count("start_container") == known + turn + 1


async def test_an_image_is_pulled_again_when_its_back_off_is_over(home: House, jump_s: float) -> None:
    home.runtime.pullable = set()
    await home.run(pod())
    pulls = home.count("pull_image")
    home.clock.set_wall(jump_s)
    await home.pass_time(8)
    assert home.count("pull_image") == pulls
    await home.pass_time(15)
    assert home.count("pull_image") == pulls + 1


async def test_a_pod_is_active_for_as_long_as_it_may_and_no_shorter(home: House, jump_s: float) -> None:
    await home.run(pod(activeDeadlineSeconds=60))
    await home.pass_time(20)
    home.clock.set_wall(jump_s)
    await home.pass_time(35)
    assert (await home.status())["phase"] == "Running"
    await home.pass_time(40)
    assert (await home.status())["reason"] == "DeadlineExceeded"


async def test_a_probe_begins_after_its_delay(home: House, jump_s: float) -> None:
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 30, "periodSeconds": 1}
    made = pod()
    made["spec"]["containers"][0]["readinessProbe"] = probe
    await home.run(made)
    await home.kill_kubelet()
    home.clock.set_wall(-24 * HOUR_S)  # a kubelet that starts finds a container of tomorrow
    await home.start_kubelet()
    home.clock.set_wall(jump_s)
    await home.pass_time(35)
    assert condition(await home.status(), "Ready")["status"] == "True"


async def test_a_container_has_its_grace_period(home: House, jump_s: float) -> None:
    await home.run(pod(command=["sleep", "infinity"]))  # a first process without a handler, which hears no SIGTERM
    await home.delete(grace_s=30)
    home.clock.set_wall(jump_s)
    await home.pass_time(28)
    assert not await home.is_gone()
    await home.pass_time(4)
    assert await home.is_gone()


async def test_a_node_renews_its_lease_in_time(home: House, jump_s: float) -> None:
    home.clock.set_wall(jump_s)
    before = (await home.admin.get(LEASES, NODE, namespace="kube-node-lease"))["metadata"]["resourceVersion"]
    await home.pass_time(11)
    after = (await home.admin.get(LEASES, NODE, namespace="kube-node-lease"))["metadata"]["resourceVersion"]
    assert int(after) > int(before)
