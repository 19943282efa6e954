import asyncio
from collections.abc import AsyncIterator

import pytest

from podbay.cri.fake import FakeRuntime, Timing
from podbay.cri.fake.behaviour import Behaviour, behaviour_of
from podbay.cri.runtime import ContainerConfig, ContainerState, RuntimeFailure, SandboxConfig
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.suites.runtime import Made, RuntimeSuite


class FakeBackend:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.image = "docker.io/library/busybox:latest"
        self.log_directory = "/var/log/pods"
        self.fake = self.runtime = FakeRuntime(self.clock, pullable=())
        self.fake.add_image(self.image)

    async def elapse(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def backend() -> AsyncIterator[FakeBackend]:
    backend = FakeBackend()
    yield backend
    await backend.fake.shut_down()


class TestFakeRuntime(RuntimeSuite):
    async def test_it_takes_the_time_it_is_told(self) -> None:
        clock = ManualClock()
        runtime = FakeRuntime(clock, timing=Timing(pull_s=2.5))
        async with TaskScope() as scope:
            pulling = scope.start(runtime.pull_image("busybox"), name="pull")
            await asyncio.sleep(0)
            await clock.advance(2.0)
            assert not pulling.done()
            await clock.advance(0.5)
            assert pulling.done()

    async def test_a_runtime_that_is_down_answers_nothing(self, backend: FakeBackend) -> None:
        backend.fake.go_down()
        for call in (
            backend.fake.sandboxes(),
            backend.fake.exec_url("c", ["sh"], stdin=False, stdout=True, stderr=True, tty=False),
            backend.fake.attach_url("c", stdin=False, stdout=True, stderr=True, tty=False),
            backend.fake.port_forward_url("s", [80]),
        ):
            with pytest.raises(RuntimeFailure) as raised:
                await call
            assert raised.value.code == "UNAVAILABLE"

    async def test_listeners_learn_that_it_came_back(self, backend: FakeBackend, made: Made) -> None:
        stream = backend.fake.events()
        assert (await anext(stream)).kind == "connected"
        container = await made.container(await made.sandbox("one"), ["sleep", "1"])
        backend.fake.go_down()
        await backend.elapse(1)
        backend.fake.come_back()
        assert [(await anext(stream)).kind for _ in range(2)] == ["lost", "connected"]
        assert (await backend.fake.container_status(container)).state is ContainerState.EXITED

    async def test_an_unread_event_is_work_in_hand(self) -> None:
        activity = Activity()
        runtime = FakeRuntime(ManualClock(), activity)
        stream = runtime.events()
        await anext(stream)
        runtime.add_image("i")
        key = await runtime.run_sandbox(SandboxConfig(name="a", namespace="b", uid="c"))
        runtime.end_sandbox(key)
        assert activity.busy_with() == {"runtime events": 1}
        await stream.aclose()  # type: ignore[attr-defined]  # it is an async generator
        assert activity.busy_with() == {}

    async def test_addresses_run_out_as_they_do(self) -> None:
        runtime = FakeRuntime(ManualClock(), pod_cidr="10.1.0.0/30")
        await runtime.run_sandbox(SandboxConfig(name="a", namespace="n", uid="1"))
        with pytest.raises(RuntimeFailure, match="no IP addresses available"):
            await runtime.run_sandbox(SandboxConfig(name="b", namespace="n", uid="2"))

    async def test_a_sandbox_whose_process_died_keeps_its_address_until_it_is_stopped(self) -> None:
        runtime = FakeRuntime(ManualClock(), pod_cidr="10.1.0.0/30")
        key = await runtime.run_sandbox(SandboxConfig(name="a", namespace="n", uid="1"))
        runtime.end_sandbox(key)
        assert (await runtime.sandbox_status(key)).ips == ("10.1.0.2",)
        with pytest.raises(RuntimeFailure, match="no IP addresses available"):
            await runtime.run_sandbox(SandboxConfig(name="b", namespace="n", uid="2"))
        await runtime.stop_sandbox(key)
        assert (await runtime.sandbox_status(key)).ips == ()
        await runtime.run_sandbox(SandboxConfig(name="b", namespace="n", uid="2"))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ([], Behaviour()),
        (["true"], Behaviour(runs_s=0.0)),
        (["/bin/false"], Behaviour(runs_s=0.0, exit_code=1)),
        (["sleep", "5"], Behaviour(runs_s=5.0, term_code=None)),
        (["sleep", "infinity"], Behaviour(term_code=None)),
        (["sh", "-c", "sleep 2; exit 3"], Behaviour(runs_s=2.0, exit_code=3, term_code=None)),
        (["sh", "-c", "echo hello"], Behaviour(runs_s=0.0, term_code=None)),
        (["sh", "-c", "trap 'exit 7' TERM; while true; do sleep 1; done"], Behaviour(term_code=7)),
        (["/kubia/server"], Behaviour()),
    ],
)
def test_simple_commands_are_understood(command: list[str], expected: Behaviour) -> None:
    assert behaviour_of(ContainerConfig(name="c", image="i", command=command)) == expected
